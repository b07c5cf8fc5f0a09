"""The cache of converted models: made once, made again when damaged, and bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.chat.forms import form_of, keep_newest
from models.chat.source import ChatSource
from models.model_errors import LoadError


class Conversions:
    """Counts how often a source is converted to one file that says of what it is."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, source: ChatSource, target: Path) -> None:
        self.count += 1
        target.mkdir()
        (target / "model.bin").write_text(str(source.base))


@pytest.fixture
def source(tmp_path: Path) -> ChatSource:
    (tmp_path / "base").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "base" / name).write_text(name)
    return ChatSource(tmp_path / "base")


def test_a_form_is_made_once_for_each_precision(source: ChatSource, tmp_path: Path) -> None:
    convert = Conversions()
    first = form_of(source, "int8", tmp_path / "cache", convert)
    assert form_of(source, "int8", tmp_path / "cache", convert) == first
    assert form_of(source, "float32", tmp_path / "cache", convert) != first
    assert convert.count == 2


def test_a_form_whose_files_were_changed_is_made_again(source: ChatSource, tmp_path: Path) -> None:
    convert = Conversions()
    folder = form_of(source, "int8", tmp_path / "cache", convert)
    whole = (folder / "model.bin").read_text()
    (folder / "model.bin").write_text("damaged")
    assert form_of(source, "int8", tmp_path / "cache", convert) == folder
    assert (convert.count, (folder / "model.bin").read_text()) == (2, whole)


def test_a_conversion_that_fails_leaves_nothing(source: ChatSource, tmp_path: Path) -> None:
    def refuse(_: ChatSource, target: Path) -> None:
        target.mkdir()
        raise LoadError("no")

    with pytest.raises(LoadError):
        form_of(source, "int8", tmp_path / "cache", refuse)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_four_forms_that_were_used_last_are_kept(tmp_path: Path) -> None:
    for age in range(6):
        (tmp_path / str(age)).mkdir()
        os.utime(tmp_path / str(age), (1000 - age, 1000 - age))
    keep_newest(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["0", "1", "2", "3"]
