"""A file is whole or as it was."""

from pathlib import Path

import pytest

from worker.evaluation.writing import write_aside


def test_a_file_is_replaced_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    write_aside(path, "néw")

    assert path.read_text(encoding="utf-8") == "néw"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    with pytest.raises(UnicodeEncodeError):
        write_aside(path, "a lone surrogate \ud800")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
