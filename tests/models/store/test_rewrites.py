"""The rewrites that a version keeps of the held-out texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.model_errors import VersionDamaged
from models.store.rewrites import REWRITES_FILE, Rewrites


def test_what_was_written_is_read(tmp_path: Path) -> None:
    kept = Rewrites({"du bist dümm": "bitte nicht"}, {"a\nb": '"'})
    kept.write(tmp_path)
    assert Rewrites.parse((tmp_path / REWRITES_FILE).read_bytes(), 2) == kept


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b'{"version": {}}', b'{"version": [], "parent": {}}', b'{"version": {"a": 1}, "parent": {}}'],
)
def test_a_damaged_file_is_named(content: bytes) -> None:
    with pytest.raises(VersionDamaged, match=r"^rewrites\.json of version 2 is damaged: "):
        Rewrites.parse(content, 2)
