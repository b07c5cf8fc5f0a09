"""The rewrites that a version keeps of the held-out texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.model_errors import VersionDamaged
from models.store.rewrites import REWRITES_FILE, Rewrites


def test_what_was_written_is_read(tmp_path: Path) -> None:
    kept = Rewrites({"du bist dümm": "bitte nicht"}, {"a\nb": '"'})
    kept.write(tmp_path)
    assert Rewrites.read(tmp_path) == kept


def test_a_version_of_an_earlier_release_has_none(tmp_path: Path) -> None:
    assert Rewrites.read(tmp_path) is None


@pytest.mark.parametrize(
    "content", ["", "[]", '{"version": {}}', '{"version": [], "parent": {}}', '{"version": {"a": 1}, "parent": {}}']
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / REWRITES_FILE).write_text(content)
    with pytest.raises(VersionDamaged, match=r"rewrites\.json is damaged"):
        Rewrites.read(tmp_path)
