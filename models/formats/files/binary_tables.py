"""Rows of Excel workbooks and Parquet files, read with libraries that are loaded for them alone."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from models.formats.files.raw_rows import RawRow, row_of
from models.model_errors import DataFileError

_LARGEST_WORKBOOK = 512 * 1024 * 1024
_PARQUET_ROWS = 1000


def workbook_rows(plain: BinaryIO, notes: list[str]) -> Iterator[RawRow]:
    """Yield the rows of the first sheet, each cell as the text that Excel would save as CSV.

    `notes` gets the names of other sheets. Raises DataFileError if it is no workbook or too large.
    """
    import openpyxl

    unpacked = sum(entry.file_size for entry in zipfile.ZipFile(plain).infolist())
    if unpacked > _LARGEST_WORKBOOK:
        raise DataFileError("The workbook has more than 512 MB when it is unpacked: save its sheet as CSV.")
    plain.seek(0)
    try:
        book = openpyxl.load_workbook(plain, read_only=True, data_only=True)
        sheet, *others = book.worksheets
        sheet.reset_dimensions()  # what other programs write there may be wrong
        if others:
            notes.append(f"Only the first sheet, {sheet.title}, is read, of {len(others) + 1}.")
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            texts = [_text(cell) for cell in cells]
            while texts and not texts[-1]:
                texts.pop()
            yield RawRow(number, texts)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, SyntaxError) as error:
        # The library raises whatever it stumbles over in a damaged workbook; a broken XML is a SyntaxError.
        raise DataFileError(f"The workbook cannot be read: {str(error) or type(error).__name__}.") from None


def parquet_rows(plain: BinaryIO) -> Iterator[RawRow]:
    """Yield the rows of a Parquet file by their numbers from 1; raises DataFileError if it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(plain).iter_batches(_PARQUET_ROWS):
            for value in batch.to_pylist():
                number += 1
                yield row_of(number, value)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataFileError(f"The file cannot be read as Parquet: {reason}.") from None


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
