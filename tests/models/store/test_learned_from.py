"""The judgments that a version learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.model_errors import VersionDamaged
from models.store.learned_from import LEARNED_FROM_FILE, LearnedFrom


def test_ids_come_back_in_their_order(tmp_path: Path) -> None:
    read = LearnedFrom((1, 5, 900_000_000_000), (5, 7))
    read.write(tmp_path)
    assert LearnedFrom.read(tmp_path) == read
    assert read.ids == {1, 5, 7, 900_000_000_000}


def test_a_version_of_an_earlier_release_names_none(tmp_path: Path) -> None:
    assert LearnedFrom.read(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LEARNED_FROM_FILE).write_bytes(content)
    with pytest.raises(VersionDamaged, match=LEARNED_FROM_FILE):
        LearnedFrom.read(tmp_path)
