"""Dialects of tables, told by their first rows: what separates its cells, and which row names its columns."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from models.formats.files.column_names import is_known
from models.formats.files.lines import capped

ONE_COLUMN = "\x1f"
"""Separates the cells of a table of one column, whose texts may hold commas: no text holds this."""
_DELIMITERS = ",;\t|"
_SAMPLED_LINES = 200
_SAMPLED_CHARACTERS = 1 << 18
_MOST_TITLES = 5
_LEAST_SHARE = 0.6
_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(?:e[-+]?\d+)?%?", re.IGNORECASE)
_NAME = re.compile(r"\w[\w .:/()#-]*")
_LONGEST_NAME = 40
_MOST_WORDS = 4


@dataclass(frozen=True)
class Dialect:
    """Dialect of a table: its delimiter, what stands above it, and whether its first row names the columns.

    `separator_line` says that its first line is Excel's `sep=;`; `titles` is how many rows stand above the header.
    """

    delimiter: str
    separator_line: bool = False
    titles: int = 0
    header: bool = True


def dialect_of(text: TextIO, preferred: str) -> Dialect:
    """Return the dialect of a table, told by its first lines; `preferred` separates its cells if nothing tells.

    Goes back to the beginning of the text.
    """
    lines = _first_lines(text)
    told = _SEPARATOR.fullmatch(lines[0]) if lines else None
    if told:
        return _with_header(lines[1:], Dialect(told[1], separator_line=True))
    return _with_header(lines, Dialect(_delimiter(lines, preferred)))


def header_of(rows: Sequence[Sequence[str]]) -> tuple[int, bool]:
    """Return how many of a table's first rows are titles above its header, and whether it has a header."""
    for titles, row in enumerate(rows[: _MOST_TITLES + 1]):
        filled = [cell for cell in row if cell.strip()]
        if any(map(is_known, filled)) and (titles == 0 or len(filled) > 1):
            return titles, True
        if len(filled) > 1:
            break
    return 0, not rows or _names_columns(rows[0], rows[1:])


def _with_header(lines: Sequence[str], dialect: Dialect) -> Dialect:
    titles, header = header_of([row for row in _split(lines, dialect.delimiter) if any(cell.strip() for cell in row)])
    return replace(dialect, titles=titles, header=header)


def _first_lines(text: TextIO) -> list[str]:
    text.seek(0)
    lines: list[str] = []
    size = 0
    for line in capped(text):
        if line is None or size + len(line) > _SAMPLED_CHARACTERS or len(lines) == _SAMPLED_LINES:
            break
        lines.append(line)
        size += len(line)
    text.seek(0)
    return lines


def _delimiter(lines: Sequence[str], preferred: str) -> str:
    """Return the delimiter: that which gives most rows one width, and the names of columns that are known."""
    best, most = ONE_COLUMN if preferred == "," else preferred, (False, False, 0.0)
    for delimiter in _DELIMITERS:
        rows = [row for row in _split(lines, delimiter) if any(cell.strip() for cell in row)]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width = max(widths, key=lambda one: widths[one])
        share = widths[width] / len(rows)
        named = any(len(row) > 1 and any(map(is_known, row)) for row in rows[: _MOST_TITLES + 1])
        if named or share > _LEAST_SHARE:
            # Where two fit all rows, as in texts with commas, the usual one of such a file is meant.
            found = named, len(rows[0]) == width, share + (delimiter == preferred)
            best, most = (delimiter, found) if found > most else (best, most)
    first = next((line.strip() for line in lines if line.strip()), "")
    return preferred if is_known(first.strip('"')) else best


def _split(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=delimiter)
    except csv.Error:
        return  # what has been read by then tells enough


def _names_columns(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Return whether a row names columns, none of which is known: no number is a name, nor is a sentence."""
    cells = [cell.strip() for cell in first]
    filled = [cell for cell in cells if cell]
    if any(map(_NUMBER.fullmatch, filled)) or len(set(filled)) < len(filled) or len(cells) < 2:
        return False
    for place, cell in enumerate(cells):
        below = [row[place].strip() for row in others if len(row) > place and row[place].strip()]
        if cell and below and all(map(_NUMBER.fullmatch, below)):
            return True
    return all(
        _NAME.fullmatch(cell) and len(cell) <= _LONGEST_NAME and len(cell.split()) <= _MOST_WORDS for cell in filled
    )
