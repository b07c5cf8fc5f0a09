"""Lines of CSV files, plain and safe to open in a spreadsheet."""

from __future__ import annotations

from models.formats.csv_lines import PLAIN, SPREADSHEET


def test_a_plain_line_keeps_texts_as_they_are() -> None:
    assert PLAIN.header(["text"]) == "text\r\n"
    assert PLAIN.line(["=1+1", 2, None]) == "=1+1,2,\r\n"


def test_a_safe_line_quotes_every_cell_and_says_that_it_is_safe() -> None:
    assert SPREADSHEET.header(["text", "n"]) == '\ufeff"text","n","spreadsheet_safe"\r\n'
    assert SPREADSHEET.line(["=1+1", -2, None]) == '"\'=1+1","-2","","yes"\r\n'
