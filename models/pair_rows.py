"""The rows of a TSV, CSV or JSON Lines text, each with the line it begins on, before anything is made of them.

A row that cannot be taken apart comes out as a sentence in place of its cells, so that whoever reads on can report it
with its line; nothing is skipped but blank lines.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from models.errors import PairFileError

Cells = list[str] | dict[str, object]

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NEVER_CLOSED = "a quote is opened and never closed"


@dataclass(frozen=True)
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


def table_rows(text: str, extension: str) -> tuple[list[RawRow], str]:
    """The rows of a `tsv` or `csv` text, and a note on how its quotes were read, empty if there is nothing to say.

    In CSV a cell in quotes may hold anything. So it is in TSV where every quoted cell is closed as it should be;
    where one is not, the quotes are part of the texts. A CSV whose last quote is never closed is a `PairFileError`.
    """
    rows = list(_quoted_rows(text, _delimiter(text) if extension == "csv" else "\t"))
    broken = [row for row in rows if row.problem]
    if extension == "csv":
        if broken and broken[-1].problem == _NEVER_CLOSED:
            raise PairFileError(f"A quote that is opened in line {broken[-1].line} is never closed.")
        return rows, ""
    if not broken:
        return rows, ""
    note = (
        f"Quotes are read as part of the texts, since one in line {broken[0].line} is opened and not closed properly."
    )
    return [RawRow(number, line.rstrip("\r").split("\t")) for number, line in _lines(text)], note


def json_rows(text: str) -> list[RawRow]:
    """The rows of a JSON Lines text: an object or a list of texts a line."""
    rows = []
    for number, line in _lines(text):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            rows.append(RawRow(number, [], "the line is not JSON"))
            continue
        if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(cell, str) for cell in value)):
            rows.append(RawRow(number, value))
        else:
            rows.append(RawRow(number, [], "the line is not a JSON object"))
    return rows


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Every line that is not blank, with its number."""
    # Not splitlines: a text may hold other characters that end a line in print, such as U+2028.
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _delimiter(text: str) -> str:
    """What separates the cells of a CSV: a comma, unless its first line has none but semicolons or tabs."""
    first = next(_lines(text), (0, ""))[1]
    return next((mark for mark in ",;\t" if mark in first), ",")


def _quoted_rows(text: str, delimiter: str) -> Iterator[RawRow]:
    """The rows of a table with quoted cells; a row with a broken quote comes out with its problem."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
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
            ends = f", which reaches to line {reader.line_num}," if reader.line_num > begins else ""
            yield RawRow(begins, [], f"the row{ends} cannot be taken apart: {error}")
            continue
        if any(cell.strip() for cell in cells):
            yield RawRow(begins, cells)
