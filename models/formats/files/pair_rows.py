"""The rows of a TSV, CSV or JSON Lines text, each with the line it begins on, before anything is made of them.

A row that cannot be taken apart comes out as a sentence in place of its cells, so that whoever reads on can report it
with its line; nothing is skipped but blank lines.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.errors import PairFileError

Cells = list[str] | dict[str, object]

LONGEST_CELL = 1024 * 1024
"""In characters, of any table that this process reads: a quote that is never closed would hold all that follows."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NEVER_CLOSED = "a quote is opened and never closed"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_TOO_LONG = f"a cell has more than {LONGEST_CELL:,} characters"

csv.field_size_limit(LONGEST_CELL)  # of the whole process


@dataclass(frozen=True, slots=True)
class RawRow:
    """The cells of a row, or the object of a JSON line; `problem` says why there are none."""

    line: int
    cells: Cells
    problem: str = ""


def decode(body: bytes) -> str:
    """UTF-8 `body`, with or without a byte order mark, as text; `PairFileError` names the first line that is none."""
    if body.startswith(_UTF16):
        raise PairFileError("The file is UTF-16 text: save it as UTF-8.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise PairFileError(
            f"Line {line} is not UTF-8 text (it holds the byte 0x{body[error.start]:02x}): save the file as UTF-8."
        ) from None
    return text if "\n" in text else text.replace("\r", "\n")  # as Macs once ended their lines


def table_rows(text: str, extension: str) -> tuple[Iterator[RawRow], str]:
    """The rows of a `tsv` or `csv` text, and a note on how its quotes were read, empty if there is nothing to say.

    In CSV a cell in quotes may hold anything; reading on to a quote that is never closed is a `PairFileError`. In TSV
    every quote is part of the texts as soon as one is stray: two of them far apart would swallow the rows between.
    """
    if extension == "csv":
        return _csv_rows(text), ""
    stray = _stray_quote(_quoted_rows(text, "\t"))
    if stray is None:
        return _quoted_rows(text, "\t"), ""
    note = f"Quotes are read as part of the texts, since one in line {stray.line} is opened and not closed properly."
    return (RawRow(number, line.rstrip("\r").split("\t")) for number, line in _lines(text)), note


def json_rows(text: str) -> Iterator[RawRow]:
    """The rows of a JSON Lines text: an object or a list of texts a line."""
    for number, line in _lines(text):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield RawRow(number, [], "the line is not JSON")
            continue
        if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(cell, str) for cell in value)):
            yield RawRow(number, value)
        else:
            yield RawRow(number, [], "the line is not a JSON object")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Every line that is not blank, with its number."""
    # Not splitlines: a text may hold other characters that end a line in print, such as U+2028.
    number = begins = 0
    while begins < len(text):
        ends = text.find("\n", begins)
        ends = len(text) if ends < 0 else ends
        number += 1
        line = text[begins:ends]
        if line.strip():
            yield number, line
        begins = ends + 1


def _delimiter(text: str) -> str:
    """What separates the cells of a CSV: a comma, unless its first line has none but semicolons or tabs."""
    first = next(_lines(text), (0, ""))[1]
    return next((mark for mark in ",;\t" if mark in first), ",")


def _csv_rows(text: str) -> Iterator[RawRow]:
    """The rows of a CSV text; raises `PairFileError` at a quote that is never closed."""
    for row in _quoted_rows(text, _delimiter(text)):
        if row.problem == _NEVER_CLOSED:
            raise PairFileError(f"A quote that is opened in line {row.line} is never closed.")
        yield row


def _stray_quote(rows: Iterable[RawRow]) -> RawRow | None:
    """The first row of a TSV with a quote that does not close its own cell, or None.

    Such a quote makes the row broken, or a cell that holds a tab, or else one of several lines in a row that has not
    as many cells as the first: where whole rows were joined, cells are too many.
    """
    width = 0
    for row in rows:
        lines = any(mark in cell for cell in row.cells for mark in "\r\n")
        if row.problem == _TOO_LONG:
            continue
        if row.problem or any("\t" in cell for cell in row.cells) or (lines and len(row.cells) != width):
            return row
        width = width or len(row.cells)
    return None


def _quoted_rows(text: str, delimiter: str) -> Iterator[RawRow]:
    """The rows of a table with quoted cells; a row with a broken quote comes out with its problem."""
    reader = csv.reader((match[0] for match in _LINE.finditer(text)), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                yield RawRow(begins, [], _NEVER_CLOSED)
                return
            if "field limit" in str(error) and reader.line_num == begins:
                yield RawRow(begins, [], _TOO_LONG)
                continue
            ends = f", which reaches to line {reader.line_num}," if reader.line_num > begins else ""
            yield RawRow(begins, [], f"the row{ends} cannot be taken apart: {error}")
            continue
        if any(cell.strip() for cell in cells):
            yield RawRow(begins, cells)
