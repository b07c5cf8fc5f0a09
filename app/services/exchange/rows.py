"""The rows of a file of any size, one after the other: memory holds one row, never the file.

A row is a text (a plain line, or a string in JSON) or an object by column names. What cannot be taken apart comes out
as a problem with its line. Bytes that are not UTF-8 spoil their own row only: they become lone surrogates, which no
text may hold.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from app.errors import Malformed
from app.services.exchange.json_stream import array_elements
from models.formats.files.pair_rows import LONGEST_CELL

Layout = Literal["csv", "tsv", "json", "jsonl", "lines"]
LAYOUTS: Mapping[Layout, str] = {
    "csv": "Table with commas (CSV)",
    "tsv": "Table with tabs (TSV)",
    "json": "JSON",
    "jsonl": "JSON Lines",
    "lines": "Plain lines, a text each",
}
"""How a file's rows may be laid out, by the name that the API has for it."""
_EXTENSIONS = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "json": "json", "jsonl": "jsonl", "ndjson": "jsonl"}
_LARGEST_DOCUMENT = 64 * 1024 * 1024
_LONGEST_LINE = LONGEST_CELL
_SNIFFED = 4096
_LISTS = ("data", "records", "rows", "items", "tasks", "prompts")

Value = str | dict[str, object]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row and the line it begins on; `problem` says why there is no value."""

    line: int
    value: Value
    problem: str = ""


class RowFile:
    """The rows of the file at `path`, laid out as one of LAYOUTS; `fraction` tells how much of it has been read."""

    def __init__(self, path: Path, layout: str, header: bool = True) -> None:
        self._path = path
        self._layout = layout
        self._header = header
        self._size = max(1, path.stat().st_size)
        self._bytes: BinaryIO | None = None

    @property
    def fraction(self) -> float:
        """The share of the file's bytes that has been read, from 0 to 1."""
        return min(1.0, self._bytes.tell() / self._size) if self._bytes and not self._bytes.closed else 1.0

    def rows(self) -> Iterator[FileRow]:
        """Every row that is not blank; raises Malformed if the file as a whole cannot be read."""
        with self._path.open("rb") as self._bytes, _text(self._bytes, self._path.name) as text:
            try:
                yield from self._read(text)
            except (EOFError, gzip.BadGzipFile) as error:
                raise Malformed(f"The file ends in .gz but is not whole gzip data: {error}.") from None

    def _read(self, text: io.TextIOWrapper) -> Iterator[FileRow]:
        if self._layout in ("csv", "tsv"):
            return _table(text, self._layout, self._header)
        if self._layout == "json":
            return _json(text)
        if self._layout == "jsonl":
            return _json_lines(text)
        return _lines(text)


def layout_of(path: Path) -> str:
    """How the file is laid out: by its name, or else by how it begins."""
    extension = path.name.casefold().removesuffix(".gz").rpartition(".")[2]
    if extension in _EXTENSIONS:
        return _EXTENSIONS[extension]
    try:
        with path.open("rb") as body, _text(body, path.name) as text:
            begins = text.read(_SNIFFED).lstrip()
    except (EOFError, gzip.BadGzipFile) as error:
        raise Malformed(f"The file ends in .gz but is not whole gzip data: {error}.") from None
    if begins.startswith("["):
        return "json"
    if begins.startswith("{"):
        return "jsonl"
    return "lines" if "\t" not in begins.partition("\n")[0] else "tsv"


def _text(body: BinaryIO, name: str) -> io.TextIOWrapper:
    mark = body.read(2)
    body.seek(0)
    if mark in (b"\xff\xfe", b"\xfe\xff"):
        raise Malformed("The file is UTF-16 text: save it as UTF-8.")
    plain = cast(BinaryIO, gzip.GzipFile(fileobj=body)) if name.casefold().endswith(".gz") else body
    return io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _capped(text: io.TextIOWrapper) -> Iterator[str | None]:
    """Every line with its end, or None for one of more than _LONGEST_LINE characters, which is never held whole."""
    before = "\n"
    while piece := text.readline(_LONGEST_LINE + len("\r\n")):
        # A piece may stop between the two marks of a line's end.
        if before.endswith(("\r", "\n")) and not (before.endswith("\r") and piece == "\n"):
            yield piece if len(piece.rstrip("\r\n")) <= _LONGEST_LINE else None
        before = piece


def _numbered(text: io.TextIOWrapper) -> Iterator[tuple[int, str | None]]:
    """Every line that is not blank, with its number; None if it is too long to be read.

    U+2028 and its like end no line: a text may hold them.
    """
    for number, line in enumerate(_capped(text), start=1):
        if line is None:
            yield number, None
        elif line.strip():
            yield number, line.rstrip("\r\n")


def _lines(text: io.TextIOWrapper) -> Iterator[FileRow]:
    return (_too_long(number) if line is None else FileRow(number, line) for number, line in _numbered(text))


def _json_lines(text: io.TextIOWrapper) -> Iterator[FileRow]:
    for number, line in _numbered(text):
        try:
            yield _too_long(number) if line is None else _row(number, json.loads(line))
        except (ValueError, RecursionError):
            yield FileRow(number, "", "The line is not JSON.")


def _json(text: io.TextIOWrapper) -> Iterator[FileRow]:
    while (begins := text.read(_SNIFFED)) and begins.isspace():
        pass
    text.seek(0)
    if begins.lstrip().startswith("["):
        return (_row(line, value) for line, value in array_elements(text))
    return _document(text)


def _document(text: io.TextIOWrapper) -> Iterator[FileRow]:
    """The list of rows that one JSON object holds, or JSON Lines under another name."""
    first = _up_to_largest(text.readline(_LARGEST_DOCUMENT + 1))
    text.seek(0)
    if _is_json(first) and not _rows_in(json.loads(first)):
        return _json_lines(text)
    content = _up_to_largest(text.read(_LARGEST_DOCUMENT + 1))
    try:
        whole = json.loads(content)
    except ValueError as error:
        raise Malformed(f"The file is not JSON: {error}.") from None
    except RecursionError:
        raise Malformed("The file is not JSON: its brackets are nested too deeply.") from None
    found = _rows_in(whole) if isinstance(whole, dict) else []
    return (_row(number, value) for number, value in enumerate(found or [whole], start=1))


def _up_to_largest(content: str) -> str:
    if len(content) > _LARGEST_DOCUMENT:
        raise Malformed("The file is one JSON object of more than 64 MB: save its rows as JSON Lines.")
    return content


def _rows_in(whole: dict[str, object]) -> list[object]:
    """The list of rows that an object holds, empty if it holds none."""
    return next((value for name in _LISTS if isinstance(value := whole.get(name), list)), [])


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _row(line: int, value: object) -> FileRow:
    if isinstance(value, str):
        return FileRow(line, value)
    if isinstance(value, dict):
        return FileRow(line, flat(value))
    return FileRow(line, "", "The row is neither a text nor an object.")


def _too_long(line: int) -> FileRow:
    return FileRow(line, "", f"The line has more than {_LONGEST_LINE:,} characters.")


def flat(value: dict[str, object]) -> dict[str, object]:
    """The object with the fields of the objects in it beside its own, as `data.text`."""
    fields: dict[str, object] = {}
    for name, field in value.items():
        fields[name] = field
        if isinstance(field, dict):
            fields.update({f"{name}.{inner}": one for inner, one in field.items()})
    return fields


class _TableLines(Iterator[str]):
    """The lines that a table is read from. One that is too long is raised as an error, and the next one follows it."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._lines = _capped(text)
        self.number = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if line is None:
            raise _LineTooLong
        return line


class _LineTooLong(Exception):
    """A line of a table has more than _LONGEST_LINE characters."""


def _table(text: io.TextIOWrapper, layout: str, header: bool) -> Iterator[FileRow]:
    # Quotes mean nothing in tab-separated files: a sentence may begin with one.
    first = text.readline(_LONGEST_LINE)
    text.seek(0)
    lines = _TableLines(text)
    if layout == "tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        delimiter = next((mark for mark in ",;\t" if mark in first), ",")
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] = []
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _LineTooLong:
            problem = _too_long(lines.number)
            if header and not names:
                raise Malformed(
                    f"The names of the columns in line {lines.number} cannot be read. {problem.problem}"
                ) from None
            yield problem
            continue
        except csv.Error as error:
            yield FileRow(line, "", unreadable_row(line, lines.number, error))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if not names:
            names = _names(cells, header)
            if header:
                continue
        if len(cells) > len(names):
            yield FileRow(line, "", f"The row has {len(cells)} columns instead of {len(names)}.")
        else:
            yield FileRow(line, {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()})


def _names(cells: list[str], header: bool) -> list[str]:
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = re.sub(r"\s+", " ", cell.strip()) if header else ""
        names.append(name if name and name not in names else f"column {number}")
    return names


def unreadable_row(line: int, last: int, error: csv.Error) -> str:
    """Why the row of a table that begins in `line`, and was read up to line `last`, cannot be read."""
    reach = f", which reaches to line {last}," if last > line else ""
    if "unexpected end of data" in str(error):
        return f"A quote that is opened in line {line} is never closed: nothing after it is read."
    if "field limit" in str(error):
        return f"A cell has more than {LONGEST_CELL:,} characters, or a quote that is opened is never closed."
    return f"The row{reach} cannot be taken apart: {error}."
