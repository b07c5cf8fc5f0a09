"""Tables in which no spreadsheet finds a formula, and their texts as they were."""

from __future__ import annotations

import csv
import io
import re

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.formats.files.row_reader import RowReader
from models.formats.files.spreadsheet import SAFE_COLUMN, original, safe

RISKY = "=+-@\t\r\n＝＋－＠';, \"a1"
texts = st.one_of(st.text(alphabet=RISKY, max_size=12), st.text(max_size=30))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-you are bad", "'-you are bad"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("'quoted'", "'quoted'"),
        ("a;=1", "a;'=1"),
        ("a\n-b\n\nc", "a\n'-b\n\nc"),
        ("a = b - c", "a = b - c"),
        ("", ""),
    ],
)
def test_an_apostrophe_stands_before_what_could_be_a_formula(text: str, written: str) -> None:
    assert safe(text) == written
    assert original(written) == text


@given(texts)
def test_every_text_is_safe_and_comes_back_as_it_was(text: str) -> None:
    written = safe(text)
    assert not re.search(r"^[=+\-@\t\r\n＝＋－＠]|[;\t\r\n][=+\-@＝＋－＠]", written)
    assert original(written) == text


def test_a_safe_table_is_read_as_it_was_row_by_row() -> None:
    file = io.StringIO()
    lines = [["text", SAFE_COLUMN, "note"], ["'=1", "yes", "'-"], ["'=2", "", "'-"], ["'=3", "yes", "x"]]
    csv.writer(file).writerows([*lines, lines[0]])
    reader = RowReader(("\ufeff" + file.getvalue()).encode(), "a.csv")
    assert reader.columns() == ["text", "note"]
    found = list(reader.rows())
    assert [row.cells for row in found[:3]] == [
        {"text": "=1", "note": "-"},
        {"text": "'=2", "note": "'-"},
        {"text": "=3", "note": "x"},
    ]
    assert found[3].problem == "the line repeats the names of the columns"


def test_a_safe_table_that_was_saved_as_a_workbook_is_read_as_it_was() -> None:
    book = openpyxl.Workbook()
    for cells in (["text", "note", SAFE_COLUMN], ["'=1", None, "yes"], ["two"]):
        book.active.append(cells)
    file = io.BytesIO()
    book.save(file)
    assert [row.cells for row in RowReader(file.getvalue(), "a.xlsx").rows()] == [{"text": "=1"}, {"text": "two"}]


def test_other_tables_keep_their_apostrophes() -> None:
    assert [row.cells for row in RowReader(b"text,note\n'=1,a\n", "a.csv").rows()] == [{"text": "'=1", "note": "a"}]
    told = RowReader(f"a b c,{SAFE_COLUMN}\n'=1,yes\n".encode(), "a.csv", header=False)
    assert [row.cells for row in told.rows()][1] == {"column 1": "'=1", "column 2": "yes"}
