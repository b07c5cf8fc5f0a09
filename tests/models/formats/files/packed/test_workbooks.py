"""Workbooks that unpack to more than a sheet can hold."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from models.formats.files.packed import unpacked, workbooks
from models.formats.files.row_reader import RowReader
from models.model_errors import DataFileError

MB = 1024 * 1024
CELL = '<row r="{row}"><c r="{column}{row}" t="inlineStr"><is><t>{text}</t></is></c></row>'
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + step)} "{f"&{chr(97 + step)};" * 10}">' for step in range(9))
    + "]>"
)


def workbook(sheet: str = "", before: str = "", padding: int = 0) -> bytes:
    """A workbook with those rows in its sheet, as XML, and that many bytes of white space behind them."""
    file = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["text"])
    book.save(file)
    made = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml" and sheet:
                begins, _, ends = content.decode().partition("<sheetData>")
                ends = ends.partition("</sheetData>")[2]
                content = f"{before}{begins}<sheetData>{sheet}</sheetData>{' ' * padding}{ends}".encode()
            new.writestr(name, content)
    return made.getvalue()


def rows(body: bytes, most: int | None = None) -> list[object]:
    """The rows of a workbook."""
    return [row.cells for row in RowReader(body, "a.xlsx", unpacked=most).cells()]


def test_a_row_far_below_is_not_counted_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_ROWS", 100)
    near = CELL.format(row=1, column="A", text="text") + CELL.format(row=100, column="A", text="b")
    assert rows(workbook(near)) == [["text"], ["b"]]
    far = CELL.format(row=1, column="A", text="text") + CELL.format(row=999_999_999, column="A", text="b")
    with pytest.raises(DataFileError, match="The sheet has more than 100 rows, empty ones included: save it as CSV"):
        rows(workbook(far))


def test_empty_cells_before_the_last_one_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_CELLS", 100_000)
    wide = "".join(f'<row r="{row}"><c r="A{row}"><v>1</v></c><c r="XFD{row}"/></row>' for row in range(1, 9))
    with pytest.raises(DataFileError, match="The sheet has more than 100,000 cells, empty ones included"):
        rows(workbook(wide))


def test_a_text_in_the_last_column_makes_the_table_too_wide() -> None:
    with pytest.raises(DataFileError, match="The table has more than 2,000 columns"):
        rows(workbook(CELL.format(row=1, column="XFD", text="far")))


def test_white_space_is_not_unpacked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "FREE", MB)
    filled = workbook(CELL.format(row=1, column="A", text="text"), padding=4 * MB)
    assert rows(filled) == [["text"]]
    with pytest.raises(DataFileError, match="The file unpacks to more than 250 times its size"):
        rows(filled, most=8 * MB)
    with pytest.raises(DataFileError, match="The file unpacks to more than 2 MB"):
        rows(filled, most=2 * MB)


def test_entities_that_multiply_are_refused() -> None:
    bomb = CELL.format(row=1, column="A", text="&i;")
    with pytest.raises(DataFileError, match="The workbook cannot be read: limit on input amplification"):
        rows(workbook(bomb, before=BOMB))
