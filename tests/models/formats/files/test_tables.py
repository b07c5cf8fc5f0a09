"""Tables in every dialect: what a program writes comes back, and nothing is dropped without its line."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Literal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from models.formats.files import tables
from models.formats.files.row_reader import RowReader

PIECES = ["a", "b ", " ", ",", ";", "\t", '"', "\n", "\r\n", "|", "é", "漢", "\u2028"]
CELL = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
TABLE = st.lists(st.tuples(CELL.filter(str.strip), st.integers(0, 9)), min_size=1, max_size=6)


def read(content: str | bytes, name: str = "a.csv") -> list[tuple[int, object, str]]:
    body = content.encode() if isinstance(content, str) else content
    return [(row.line, row.cells, row.problem) for row in RowReader(body, name).rows()]


@example([('a\t"b', 1), ("a\nb", 2), ('"', 3)], "\t", csv.QUOTE_MINIMAL, "utf-8", False)
@given(
    TABLE,
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    st.booleans(),
)
def test_what_is_written_in_any_dialect_comes_back(
    rows: list[tuple[str, int]], delimiter: str, quoting: Literal[0, 1, 2], encoding: str, packed: bool
) -> None:
    # In a table with tabs, a cell with a tab and a line end may as well be two rows with stray quotes.
    assume(delimiter != "\t" or not any("\t" in text and "\n" in text for text, _ in rows))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=quoting).writerows([("text", "priority"), *rows])
    body = out.getvalue().encode(encoding)
    found = read(gzip.compress(body) if packed else body, "a.tsv" if delimiter == "\t" else "a.csv")
    assert [(cells, problem) for _, cells, problem in found] == [
        ({"text": text, "priority": str(number)}, "") for text, number in rows
    ]


@given(
    st.lists(st.text(st.sampled_from('ab,;\t"\n\r |'), max_size=20), max_size=6).map("\n".join), st.sampled_from("ct")
)
def test_every_letter_is_in_a_row_or_in_the_lines_of_a_problem(text: str, kind: str) -> None:
    delimiter = "," if kind == "c" else "\t"
    found = read(f"text{delimiter}priority\n{text}", f"a.{kind}sv")
    held = "".join("".join(cells.values()) for _, cells, problem in found if isinstance(cells, dict) and not problem)
    letters = sum(letter in "ab" for letter in text)
    assert sum(letter in "ab" for letter in held) == letters or any(problem for _, _, problem in found)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("text\none\n", True),
        ("one,5\ntwo,6\n", False),
        ("body,score\none,5\ntwo,6\n", True),
        ("You are a fool, really?,Stop it!\na,b\n", False),
        ("You are a complete fool\nShut up already\n", False),
        ("a,a\nb,c\n", False),
    ],
)
def test_the_first_row_is_a_header_where_it_reads_like_one(text: str, header: bool) -> None:
    assert RowReader(text.encode(), "a.csv").header() == header


def test_a_text_with_commas_in_one_column_is_one_text() -> None:
    assert [cells for _, cells, _ in read("You fool, go\nShut up\nNo, no, no\n")] == [
        {"column 1": "You fool, go"},
        {"column 1": "Shut up"},
        {"column 1": "No, no, no"},
    ]


def test_a_quote_that_is_opened_takes_no_rows_with_it() -> None:
    found = read('text,priority\none,1\n"two,2\nthree,3\n"four",4\n')
    assert [cells["text"] for _, cells, problem in found if isinstance(cells, dict) and not problem] == [
        "one",
        "three",
        "four",
    ]
    assert [line for line, _, problem in found if problem] == [3]


def test_a_stray_quote_far_down_a_table_with_tabs_is_a_part_of_its_own_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.formats.files.tab_separated._EVIDENCE_LINES", 2)
    found = read('text\tpriority\n"a ""b"""\t1\n"stray\t2\n"c\nd"\t3\n', "a.tsv")
    assert [cells for _, cells, _ in found] == [
        {"text": 'a "b"', "priority": "1"},
        {"text": '"stray', "priority": "2"},
        {"text": "c\nd", "priority": "3"},
    ]


def test_a_damaged_file_of_utf_8_is_not_taken_for_utf_16() -> None:
    found = read(b"text,priority\r\none,1\r\ntw\x00o,2\r\n")
    assert [line for line, _, _ in found] == [2, 3]
    assert read("text\n你好，世界\n再见 ok\n".encode("utf-16-le"))[0][1] == {"text": "你好，世界"}


def test_a_row_that_goes_on_in_quotes_is_given_up_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LONGEST_ROW", 100)
    endless = "text,note\n" + "a,b\n" * 200 + '"\n",' * 100 + '""\n' + "one,two\n"
    found = list(RowReader(endless.encode(), "a.csv", "csv", header=True).rows())
    assert found[200].problem == "the row has more than 100 characters, or a quote that is opened is never closed"
    assert found[-1].cells == {"text": "one", "note": "two"}
