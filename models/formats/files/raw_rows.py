"""A row of any file before anything is made of it, and the limits that hold for all of them."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass

Cells = list[str] | dict[str, object]

LONGEST_CELL = 1024 * 1024
"""In characters, of any cell and any line: a quote that is never closed would hold all that follows."""
MOST_COLUMNS = 2_000
"""Of a table, and most fields of an object: each column has its place in all that is said of a file."""
NOT_UTF8 = "the row is not UTF-8 text"
NO_ROW = "the row is neither a text nor an object"

_BROKEN_BYTE = re.compile("[\udc80-\udcff]")

csv.field_size_limit(LONGEST_CELL)  # of the whole process


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row and the line it begins on: cells, an object, or a text alone; `problem` says why there is nothing.

    A problem is a part of a sentence, without a full stop.
    """

    line: int
    cells: Cells | str
    problem: str = ""


def sentence(problem: str) -> str:
    """Return a problem as a sentence of its own."""
    return f"{problem[:1].upper()}{problem[1:]}."


def too_wide() -> str:
    """Return the sentence on a table that has too many columns."""
    return f"The table has more than {MOST_COLUMNS:,} columns: leave out those that are not needed."


def not_utf8(text: str) -> str:
    """Return what is to be said of a text that holds bytes which are not UTF-8, empty if it holds none."""
    found = None if text.isascii() else _BROKEN_BYTE.search(text)
    if found is None:
        return ""
    return f"{NOT_UTF8} (it holds the byte 0x{ord(found[0]) - 0xDC00:02x}): save the file as UTF-8"


def row_of(line: int, value: object) -> RawRow:
    """Return the row that a JSON or Parquet value is; a number that is none (NaN) counts as no value."""
    if isinstance(value, str):
        return RawRow(line, value)
    if isinstance(value, dict):
        if len(value) > MOST_COLUMNS:
            return RawRow(line, "", f"the row has more than {MOST_COLUMNS:,} fields")
        return RawRow(line, {str(name): one for name, one in value.items() if not _is_nan(one)})
    if isinstance(value, list) and value and all(isinstance(cell, str) for cell in value):
        return RawRow(line, value)
    return RawRow(line, "", NO_ROW)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
