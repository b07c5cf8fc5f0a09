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


def test_a_form_that_another_process_made_meanwhile_is_kept(source: ChatSource, tmp_path: Path) -> None:
    made: list[int] = []

    def convert_after_another(of: ChatSource, target: Path) -> None:
        Conversions()(of, target)
        other = form_of(source, "int8", tmp_path / "cache", Conversions())
        made.append((other / "model.bin").stat().st_ino)

    folder = form_of(source, "int8", tmp_path / "cache", convert_after_another)
    assert [(folder / "model.bin").stat().st_ino] == made
    assert [one.name for one in (tmp_path / "cache").iterdir()] == [folder.name]


@pytest.mark.parametrize(("in_memory", "kept"), [(1, 8), (2, 8), (5, 10)])
def test_twice_as_many_forms_as_are_in_memory_are_kept_the_last_used(tmp_path: Path, in_memory: int, kept: int) -> None:
    for age in range(12):
        (tmp_path / str(age)).mkdir()
        os.utime(tmp_path / str(age), (1000 - age, 1000 - age))
    keep_newest(tmp_path, in_memory)
    assert {folder.name for folder in tmp_path.iterdir()} == {str(age) for age in range(kept)}
