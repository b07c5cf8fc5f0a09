"""Rows of a file, one after the other, however long its lines are."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from models.formats.files import json_rows, lines
from models.formats.files.row_reader import RowReader
from models.model_errors import DataFileError


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def read(path: Path, layout: str = "") -> RowReader:
    return RowReader(path, path.name, layout)


def test_rows_of_a_long_json_list_come_one_by_one_with_their_lines(write: Any) -> None:
    texts = ["x" * (1 + number % 5000) for number in range(2_000)]
    path = write("a.json", "[\n" + ",\n".join(json.dumps({"text": text}) for text in texts) + "\n]\n")
    file = read(path)
    found = list(file.rows())
    assert [row.cells["text"] for row in found if isinstance(row.cells, dict)] == texts
    assert [row.line for row in found] == list(range(2, 2_002))


@pytest.mark.parametrize(
    ("name", "content", "good"),
    [
        ("a.txt", ["one", "{}", "two"], ["one", "two"]),
        ("a.jsonl", ['"one"', '"{}"', '"two"'], ["one", "two"]),
        ("a.csv", ["text,n", "{},1", "two,2"], [{"text": "two", "n": "2"}]),
        ("a.tsv", ["text\tn", "{}\t1", "two\t2"], [{"text": "two", "n": "2"}]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_that_is_too_long_spoils_its_own_row_and_is_never_held_whole(
    write: Any, monkeypatch: pytest.MonkeyPatch, name: str, content: list[str], good: list[object], end: str
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    whole = end.join(content).replace("{}", "x" * 2_000_000) + end
    path = write(name + ".gz", gzip.compress(whole.encode(), 1))
    tracemalloc.start()
    try:
        found = list(read(path).rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(row.line, row.problem) for row in found if row.problem] == [(2, "the line has more than 1,000 characters")]
    assert [row.cells for row in found if not row.problem] == good
    assert found[-1].line == 3
    assert peak < 1_000_000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("length", [10, 11, 12, 23, 24])
def test_lines_keep_their_numbers_wherever_a_long_one_is_cut(
    write: Any, monkeypatch: pytest.MonkeyPatch, end: str, length: int
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 10)
    path = write("a.txt", f"one{end}{'x' * length}{end}{end}four{end}".encode())
    problem = "" if length <= 10 else "the line has more than 10 characters"
    assert [(row.line, row.problem) for row in read(path, "lines").rows()] == [(1, ""), (2, problem), (4, "")]


def test_a_table_whose_names_are_too_long_is_refused(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 10)
    with pytest.raises(DataFileError, match="names of the columns in line 1 cannot be read"):
        list(read(write("a.csv", "text,priority\none,1\n"), "csv").rows())


@pytest.mark.parametrize("content", ['{{"data": ["one", "{}"]}}', '{{"data":\n["one", "{}"]}}'])
def test_a_json_object_that_is_too_long_is_refused_before_it_is_read_whole(
    write: Any, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = write("a.json", content.format("x" * 20_000_000))
    monkeypatch.setattr(json_rows, "LARGEST_DOCUMENT", 20)
    tracemalloc.start()
    try:
        with pytest.raises(
            DataFileError, match=r"^The file is one JSON object of more than 64 MB: save its rows as JSON Lines\.$"
        ):
            list(read(path, "json").rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_white_space_before_a_json_list_is_read_past_in_large_pieces() -> None:
    class Counted(io.TextIOWrapper):
        reads = 0

        def read(self, size: int | None = -1, /) -> str:
            self.reads += 1
            return super().read(size)

    text = Counted(io.BytesIO(b" " * 20_000 + b'["one"]'), encoding="utf-8", newline="")
    assert [row.cells for row in json_rows.json_rows(text, False)] == ["one"]
    assert text.reads < 20


@pytest.mark.parametrize(
    ("name", "content", "layout"),
    [
        ("A.CSV", b"[1]", "csv"),
        ("a.tab", b"", "tsv"),
        ("a.ndjson", b"", "jsonl"),
        ("a.json.gz", b"not even gzip", "json"),
        ("a", b' \n["one"]', "json"),
        ("a.txt", b'{"text": "one"}', "jsonl"),
        ("a.txt", b"one\ttwo\nthree", "tsv"),
        ("a.txt", b"one\nthree\tfour", "lines"),
        ("a.gz", gzip.compress(b"[1]", mtime=0), "json"),
    ],
)
def test_the_layout_is_told_by_the_name_or_else_by_how_the_file_begins(
    write: Any, name: str, content: bytes, layout: str
) -> None:
    assert read(write(name, content)).layout == layout


def test_how_much_of_a_file_has_been_read_is_told_on_the_way(write: Any) -> None:
    file = read(write("a.txt", "".join(f"text {number}\n" for number in range(10_000))), "lines")
    found = file.rows()
    next(found)
    assert 0 < file.fraction < 0.5
    assert len(list(found)) == 9_999
    assert file.fraction == 1.0


def test_a_row_that_is_neither_a_text_nor_an_object_is_a_problem_with_its_line(write: Any) -> None:
    path: Path = write("a.jsonl", '"one"\n7\nnull\n{"text": "two"}\n')
    problem = "the row is neither a text nor an object"
    assert [(row.line, row.cells, row.problem) for row in read(path, "jsonl").rows()] == [
        (1, "one", ""),
        (2, "", problem),
        (3, "", problem),
        (4, {"text": "two"}, ""),
    ]


def test_columns_without_a_name_or_with_one_that_is_taken_are_called_by_their_number(write: Any) -> None:
    (row,) = read(write("a.csv", ' text , ,text,"two\n lines"\na,b,c,d\n'), "csv").rows()
    assert row.cells == {"text": "a", "column 2": "b", "column 3": "c", "two lines": "d"}
    assert row.line == 3


CARDS = ("README.md", "LICENSE", "license.txt", ".gitattributes", "dataset_infos.json", "data/.keep")


@pytest.mark.parametrize("folder", ["", "my texts/"])
def test_what_describes_data_in_a_zip_or_a_folder_is_passed_over(tmp_path: Path, folder: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in CARDS:
            archive.writestr(folder + name, "about it")
        archive.writestr(f"{folder}data/train-00000-of-00001.jsonl", '{"text": "one"}\n')
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    for place in (path, tmp_path / "unpacked"):
        assert [row.cells for row in RowReader(place, place.name).rows()] == [{"text": "one"}]


def test_a_readme_alone_is_a_file_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("one\ntwo\n")
    assert [row.cells for row in RowReader(tmp_path, "x", "lines").rows()] == ["one", "two"]


def test_a_folder_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"^The folder holds 0 files instead of one\.$"):
        RowReader(tmp_path, "x")


@pytest.mark.parametrize(("name", "blank"), [("a.csv", "\n"), ("a.tsv", "\t\n"), ("a.jsonl", " \n"), ("a.txt", "\n")])
def test_a_file_of_blank_lines_is_given_up_before_its_end(
    write: Any, monkeypatch: pytest.MonkeyPatch, name: str, blank: str
) -> None:
    monkeypatch.setattr(lines, "MOST_BLANK", 100)
    path = write(name, blank * 50 + '"text"\n' + blank * 10_000)
    with pytest.raises(DataFileError, match="The file has 101 blank lines and little else: remove them"):
        list(read(path).rows())


def test_a_file_may_have_many_blank_lines_between_its_rows(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_BLANK", 100)
    assert len(list(read(write("a.txt", "one\n\n\n\n\n" * 500)).rows())) == 500


@pytest.mark.parametrize("header", [None, True, False])
def test_a_table_of_too_many_columns_is_refused(write: Any, header: bool | None) -> None:
    wide = ",".join(f"c{number}" for number in range(2_001))
    reader = RowReader(write("a.csv", f"{wide}\n{wide}\n"), "a.csv", "csv", header)
    for ask in (reader.columns, lambda: list(reader.rows())):
        with pytest.raises(DataFileError, match="The table has more than 2,000 columns: leave out those"):
            ask()
    narrow = wide.rpartition(",")[0]
    path = write("b.csv", f"{narrow}\n{narrow}x\n{narrow}y\n{wide}\n")
    *_, row = RowReader(path, "b.csv", "csv", header=True).rows()
    assert row.problem == "the row has 2001 columns instead of 2000"


def test_an_object_of_too_many_fields_spoils_its_own_row(write: Any) -> None:
    wide = json.dumps({f"f{number}": 1 for number in range(2_001)})
    found = list(read(write("a.jsonl", f'{wide}\n{{"text": "one"}}\n')).rows())
    assert [(row.cells, row.problem) for row in found] == [
        ("", "the row has more than 2,000 fields"),
        ({"text": "one"}, ""),
    ]


def test_an_object_of_too_many_values_is_not_taken_apart(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "MOST_VALUES", 1000)
    path = write("a.json", '{"data": [' + ",".join(["[]"] * 1000) + "]}")
    with pytest.raises(DataFileError, match="one JSON object of more than 1,000 values: save its rows as JSON Lines"):
        list(read(path).rows())


@pytest.mark.parametrize("number", ["9" * 1_000_000, "-" + "9" * 1_000_000, "0." + "9" * 1_000_000, "1e999999999"])
def test_a_number_of_any_length_is_one_and_the_next_row_is_read(write: Any, number: str) -> None:
    found = list(read(write("a.jsonl", f'{{"text": "one", "n": {number}}}\n{{"text": "two"}}\n')).rows())
    assert [row.cells["text"] for row in found if isinstance(row.cells, dict)] == ["one", "two"]
