"""Lines of CSV files: plain ones, or those that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.formats.files.spreadsheet import SAFE, SAFE_COLUMN, safe

_MARK = "\ufeff"
"""By it Excel knows that a CSV is UTF-8."""


@dataclass(frozen=True)
class CsvForm:
    """How the first line of a CSV, with the names of its columns, and each of the others are written."""

    header: Callable[[Sequence[str]], str]
    line: Callable[[Sequence[object]], str]


class _Echo:
    """File for a csv.writer that stores nothing, so that `writerow` returns the line."""

    def write(self, line: str) -> str:
        """Return the line itself."""
        return line


def _plain_line(cells: Sequence[object]) -> str:
    """Return a line of a CSV. Texts stay as they are, also one that a spreadsheet would read as a formula."""
    line: str = csv.writer(_Echo()).writerow(cells)
    return line


def _quoted_line(cells: Sequence[object]) -> str:
    line: str = csv.writer(_Echo(), quoting=csv.QUOTE_ALL).writerow(cells)
    return line


def _safe_line(cells: Sequence[object]) -> str:
    """Return a line of a CSV whose cells are quoted texts, of which none can be run."""
    return _quoted_line([*(safe(cell) if isinstance(cell, str) else cell for cell in cells), SAFE])


PLAIN = CsvForm(_plain_line, _plain_line)
SPREADSHEET = CsvForm(lambda names: _MARK + _quoted_line([*names, SAFE_COLUMN]), _safe_line)
