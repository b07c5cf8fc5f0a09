"""A file is whole or as it was."""

from pathlib import Path

import pytest

from worker.training.shared.writing import check_new, check_writable, write_aside


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


def test_a_new_file_is_no_file_that_is_there_and_no_link_to_one(tmp_path: Path) -> None:
    there = tmp_path / "texts.tsv"
    there.write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    for path in (there, tmp_path / "link"):
        with pytest.raises(FileExistsError, match=r"is there already: name another file\.$"):
            check_new(path)
    check_new(tmp_path / "report.json")

    assert there.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"texts.tsv", "link"}


def test_a_folder_that_takes_no_files_is_found_out_before_anything_is_written() -> None:
    with pytest.raises(OSError, match=r"^Nothing can be written to the folder /proc: .+\.$"):
        check_writable(Path("/proc/report.json"))
