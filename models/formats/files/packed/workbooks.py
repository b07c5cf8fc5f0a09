"""Rows of Excel workbooks, read with a library that is loaded for them alone."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import BinaryIO

from models.formats.files.packed.archives import check_entries, opened_archive
from models.formats.files.raw_rows import MOST_COLUMNS, RawRow, too_wide
from models.model_errors import DataFileError

_LARGEST_WORKBOOK = 512 * 1024 * 1024
MOST_ROWS = 1_048_576
"""As many as Excel has. Between two rows of a sheet that are there, all that are left out are counted."""
MOST_CELLS = 50_000_000
"""Cells up to the last one of each row, empty ones included: a row may say that it has one only, in the last column."""


def workbook_rows(plain: BinaryIO, notes: list[str], most: int | None = None) -> Iterator[RawRow]:
    """Yield the rows of the first sheet, each cell as the text that Excel would save as CSV.

    `notes` gets the names of other sheets. Raises DataFileError if it is no workbook, or unpacks to more than `most`.
    """
    import openpyxl

    entries = opened_archive(plain).infolist()
    if sum(entry.file_size for entry in entries) > _LARGEST_WORKBOOK:
        raise DataFileError("The workbook has more than 512 MB when it is unpacked: save its sheet as CSV.")
    check_entries(entries, most)
    plain.seek(0)
    cell_count = 0
    try:
        book = openpyxl.load_workbook(plain, read_only=True, data_only=True)
        sheet, *others = book.worksheets
        sheet.reset_dimensions()  # what other programs write there may be wrong
        if others:
            notes.append(f"Only the first sheet, {sheet.title}, is read, of {len(others) + 1}.")
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            cell_count += len(cells)
            if number > MOST_ROWS or cell_count > MOST_CELLS:
                bound = f"{MOST_ROWS:,} rows" if number > MOST_ROWS else f"{MOST_CELLS:,} cells"
                raise DataFileError(f"The sheet has more than {bound}, empty ones included: save it as CSV.")
            texts = [_text(cell) for cell in cells]
            while texts and not texts[-1]:
                texts.pop()
            if len(texts) > MOST_COLUMNS:
                raise DataFileError(too_wide())
            yield RawRow(number, texts)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, SyntaxError) as error:
        # The library raises whatever it stumbles over in a damaged workbook; a broken XML is a SyntaxError.
        raise DataFileError(f"The workbook cannot be read: {str(error) or type(error).__name__}.") from None


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, datetime.datetime | datetime.date | datetime.time) else str(cell)
