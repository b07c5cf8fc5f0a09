"""The rows of a table of text, in whatever dialect, each with the line it begins on."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TextIO

from models.formats.files.dialects import Dialect
from models.formats.files.lines import Blanks, capped, too_long
from models.formats.files.raw_rows import LONGEST_CELL, MOST_COLUMNS, RawRow, not_utf8, sentence, too_wide
from models.formats.files.tab_separated import first_stray_quote, tab_rows
from models.model_errors import DataFileError

LONGEST_ROW = 16 * LONGEST_CELL
"""In characters, of all lines of a row: quoted line ends would let it go on to the end of the file."""
_TITLE = "the line stands above the names of the columns"


def table_rows(text: TextIO, dialect: Dialect, notes: list[str]) -> Iterator[RawRow]:
    """Yield the rows of a table that are not blank, its header among them; `notes` gets how its quotes were read.

    A title above the header comes out as a problem, and so does a header that is repeated where files were joined.
    """
    stray = first_stray_quote(text) if dialect.delimiter == "\t" else 0
    if stray:
        notes.append(
            f"Quotes are read as part of the texts, since one in line {stray} is opened and not closed properly."
        )
    text.seek(0)
    if dialect.separator_line:
        text.readline()
    rows = tab_rows(text, not stray) if dialect.delimiter == "\t" else _quoted_rows(text, dialect.delimiter)
    return checked_rows(rows, dialect, int(dialect.separator_line))


def checked_rows(rows: Iterator[RawRow], dialect: Dialect, lines_before: int = 0) -> Iterator[RawRow]:
    """Yield the rows that are not blank, those that are none as problems, all with their lines in the file.

    Raises DataFileError if its first row has too many columns, or if the file has blank lines and little else.
    """
    count = 0
    blanks = Blanks()
    header: object = None
    for row in rows:
        line = row.line + lines_before
        cells = row.cells if isinstance(row.cells, list) else []
        if row.problem:
            yield RawRow(line, [], row.problem)
            continue
        blank = not any(cell.strip() for cell in cells)
        blanks.count(blank)
        if blank:
            continue
        count += 1
        problem = next(filter(None, map(not_utf8, cells)), "")
        if count <= dialect.titles:
            problem = _TITLE
        elif header is None:
            if len(cells) > MOST_COLUMNS:
                raise DataFileError(too_wide())
            header = [cell.removeprefix("\ufeff") for cell in cells] if dialect.header else ()
        elif [cells[0].removeprefix("\ufeff"), *cells[1:]] == header and (len(cells) > 1 or cells[0][0] == "\ufeff"):
            problem = "the line repeats the names of the columns"
        yield RawRow(line, cells, problem)


def named_rows(rows: Iterator[RawRow], header: bool) -> Iterator[RawRow]:
    """Yield the rows of a table as objects by the names in its first row, or by numbers, without their empty cells.

    Raises DataFileError if the names cannot be read.
    """
    names: list[str] = []
    for row in rows:
        cells = row.cells if isinstance(row.cells, list) else []
        if row.problem:
            if header and not names and row.problem != _TITLE:
                raise DataFileError(
                    f"The names of the columns in line {row.line} cannot be read. {sentence(row.problem)}"
                )
            yield RawRow(row.line, {}, row.problem)
            continue
        if not names:
            names = column_names(cells, header)
            if header:
                continue
        if len(cells) > len(names):
            yield RawRow(row.line, {}, f"the row has {len(cells)} columns instead of {len(names)}")
        else:
            yield RawRow(row.line, {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()})


def column_names(cells: Sequence[str], header: bool) -> list[str]:
    """Return a name for each column: its own, or its number where it has none or one that is taken."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = re.sub(r"\s+", " ", cell.strip()) if header else ""
        names.append(name if name and name not in names else f"column {number}")
    return names


class _Lines(Iterator[str]):
    """The lines that a table is read from, and those of the present row, to which it can go back.

    One that is too long, or makes its row too long, is raised as an error, and the next one follows it.
    """

    def __init__(self, text: TextIO) -> None:
        self._lines = capped(text)
        self._again: deque[str | None] = deque()
        self._size = 0
        self.number = 0
        self.row: list[str] = []

    def begin_row(self) -> None:
        """Begin another row with the next line."""
        self.row.clear()
        self._size = 0

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        if line is None:
            raise _TooLong(too_long())
        self._size += len(line)
        if self._size > LONGEST_ROW:
            raise _TooLong(
                f"the row has more than {LONGEST_ROW:,} characters, or a quote that is opened is never closed"
            )
        self.row.append(line)
        return line

    def go_back(self) -> None:
        """Read all lines of the present row but its first again."""
        self._again.extendleft(reversed(self.row[1:]))
        self.number -= len(self.row) - 1


class _TooLong(Exception):
    """A line of a table, or a row of it, is too long to be read; says so."""


def _quoted_rows(text: TextIO, delimiter: str) -> Iterator[RawRow]:
    """The rows of a table with quoted cells; what cannot be taken apart comes out with its problem.

    Where a broken quote reaches over lines that look like rows, these are read as rows.
    """
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    while True:
        begins = lines.number + 1
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong as problem:
            yield RawRow(lines.number, [], str(problem))
        except csv.Error as error:
            last = lines.number
            swallowed = [len(next(csv.reader([line], delimiter=delimiter), [])) for line in lines.row[1:]]
            again = width > 1 and swallowed.count(width) * 2 > len(swallowed)
            if again:
                lines.go_back()
                reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield RawRow(begins, [], _unreadable(begins, begins if again else last, again, error))
        else:
            width = width or len(cells)
            yield RawRow(begins, cells)


def _unreadable(line: int, last: int, read_on: bool, error: csv.Error) -> str:
    """Why the row that begins in `line` cannot be read, and with it the lines up to `last`."""
    reach = f", which reaches to line {last}," if last > line else ""
    if "unexpected end of data" in str(error):
        return f"a quote that is opened in line {line} is never closed{'' if read_on else ': nothing after it is read'}"
    if "field limit" in str(error):
        return f"a cell has more than {LONGEST_CELL:,} characters, or a quote that is opened is never closed"
    return f"the row{reach} cannot be taken apart: {error}"
