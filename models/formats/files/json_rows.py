"""The rows of JSON in every shape that programs write: a list, a value a line, values in several lines, one object.

One object holds its rows as a list under `data` or the like, or column by column as pandas writes them; or it is a
row itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import TextIO

from models.formats.files.json_stream import DECODER, array_elements, leading_elements, values
from models.formats.files.lines import numbered, too_long
from models.formats.files.raw_rows import RawRow, not_utf8, row_of
from models.model_errors import DataFileError

LARGEST_DOCUMENT = 64 * 1024 * 1024
MOST_VALUES = 5_000_000
"""Of one document, counted by its commas and brackets: each value takes dozens of bytes, however short it is."""
_LISTS = ("data", "records", "rows", "items", "tasks", "prompts")
_TEXTS = ("text", "prompt", "toxic", "instruction")
_SPACE = re.compile(r"[ \t\r\n]*")
_BROKEN = object()


def json_rows(text: TextIO, by_lines: bool) -> Iterator[RawRow]:
    """Yield the rows of JSON text, which can go back to its beginning.

    `by_lines` says that the file is called JSON Lines, which decides where its content does not. Raises DataFileError
    where a document stops being JSON; what came before has been yielded by then.
    """
    text.seek(0)
    lines = [line for _, line in islice(numbered(text), 2)]
    text.seek(0)
    if lines and lines[0] is None and not by_lines:
        return _rows(array_elements(text)) if _begins_with(text, "[") else _document(text)
    if not lines or lines[0] is None:
        return _lines(text)
    first = _parsed(lines[0])
    if first is not _BROKEN:
        return _of_whole_line(text, first, len(lines) > 1, by_lines)
    second = _parsed(lines[1] or "") if len(lines) > 1 else _BROKEN
    if lines[0].lstrip().startswith("[") and not (by_lines and second is not _BROKEN):
        return _rows(array_elements(text))
    if lines[0].lstrip().startswith("{") and _parsed(lines[0].rstrip(" \t,")) is second is _BROKEN:
        return _objects(text, by_lines)
    return _lines(text)


def _of_whole_line(text: TextIO, first: object, several: bool, by_lines: bool) -> Iterator[RawRow]:
    """The rows of text whose first line is a value."""
    if several or not isinstance(first, list | dict):
        return _lines(text)
    if isinstance(first, dict):
        return _document(text)
    if by_lines and all(isinstance(cell, str) for cell in first):
        return _lines(text)  # a source and its target
    return _rows(array_elements(text))


def _rows(found: Iterable[tuple[int, object]], before: int = 0) -> Iterator[RawRow]:
    return (row_of(before + line, value) for line, value in found)


def _lines(text: TextIO) -> Iterator[RawRow]:
    for number, line in numbered(text):
        if line is None:
            yield RawRow(number, "", too_long())
            continue
        value = _parsed(line)
        problem = "the line is not JSON" if value is _BROKEN else not_utf8(line)
        yield RawRow(number, "", problem) if problem else row_of(number, value)


def _objects(text: TextIO, by_lines: bool) -> Iterator[RawRow]:
    """The rows of an object that takes several lines, and of those that follow it."""
    found = values(text)
    try:
        first = next(found)
    except DataFileError:
        text.seek(0)
        yield from _lines(text) if by_lines else _document(text)
        return
    try:
        second = next(found, None)
    except DataFileError:
        yield row_of(*first)
        raise
    if second is None:
        text.seek(0)
        yield from _document(text)
    else:
        yield from _rows(chain([first, second], found))


def _document(text: TextIO) -> Iterator[RawRow]:
    """The rows that one object holds, or is."""
    content = text.read(LARGEST_DOCUMENT + 1)
    if len(content) > LARGEST_DOCUMENT:
        raise DataFileError("The file is one JSON object of more than 64 MB: save its rows as JSON Lines.")
    if sum(map(content.count, ",[{")) > MOST_VALUES:
        raise DataFileError(
            f"The file is one JSON object of more than {MOST_VALUES:,} values: save its rows as JSON Lines."
        )
    try:
        whole = DECODER.decode(content)
    except RecursionError:
        raise DataFileError("The file is not whole JSON: its brackets are nested too deeply.") from None
    except ValueError as error:
        raise DataFileError(f"The file is not whole JSON: line {getattr(error, 'lineno', 1)} cannot be read.") from None
    line = content.count("\n", 0, _skip(content, 0)) + 1
    name = _list_in(whole)
    if name:
        return _listed(content, name, whole.get("columns") if name == "data" else None)
    columns = _columns(whole)
    if columns is not None:
        return (row_of(number, row) for number, row in enumerate(columns, start=1))
    return iter([row_of(line, whole)])


def _list_in(whole: Mapping[str, object]) -> str:
    """The name of the list of rows that an object holds, empty if it holds none or is a row itself."""
    if any(isinstance(whole.get(name), str) for name in _TEXTS):
        return ""
    lists = (name for name in _LISTS if isinstance(whole.get(name), list))
    return next(lists, "")


def _listed(content: str, name: str, columns: object) -> Iterator[RawRow]:
    """The rows of the list under `name`, with their lines; the cells of each by `columns`, where pandas has them."""
    place = _place_of(content, name)
    before = content.count("\n", 0, place)
    found = leading_elements(io.StringIO(content[place:]))
    if not isinstance(columns, list):
        return _rows(found, before)
    return (
        row_of(before + line, dict(zip(map(str, columns), cells, strict=False)) if isinstance(cells, list) else cells)
        for line, cells in found
    )


def _columns(whole: Mapping[str, object]) -> list[dict[str, object]] | None:
    """The rows of a table that is stored column by column or under its index, None if it is none."""
    parts = list(whole.values())
    if len(parts) > 0 and all(isinstance(part, dict) and part for part in parts):
        tables: Mapping[str, Mapping[str, object]] = whole  # type: ignore[assignment]  # checked in the line above
        if all(name.isdecimal() for name in tables):
            return [dict(row) for row in tables.values()]
        if all(place.isdecimal() for column in tables.values() for place in column):
            places = dict.fromkeys(place for column in tables.values() for place in column)
            return [{name: column.get(place) for name, column in tables.items()} for place in places]
    texts = next((value for name in _TEXTS if isinstance(value := whole.get(name), list)), None)
    lists = [part for part in parts if isinstance(part, list) and texts and len(part) == len(texts)]
    if texts and len(lists) == len(parts) and all(isinstance(one, str | None) for one in texts):
        return [dict(zip(whole, cells, strict=True)) for cells in zip(*lists, strict=True)]
    return None


def _place_of(content: str, name: str) -> int:
    """Where the value of that name begins in an object that is known to have it."""
    found, place = 0, _skip(content, _skip(content, 0) + 1)
    while content[place : place + 1] == '"':
        key, place = DECODER.raw_decode(content, place)
        place = _skip(content, _skip(content, place) + 1)
        found = place if key == name else found
        _, place = DECODER.raw_decode(content, place)
        place = _skip(content, _skip(content, place) + 1)
    return found


def _parsed(line: str) -> object:
    try:
        return DECODER.decode(line)
    except (ValueError, RecursionError):
        return _BROKEN


def _begins_with(text: TextIO, mark: str) -> bool:
    while (begins := text.read(4096)) and begins.isspace():
        pass
    text.seek(0)
    return begins.lstrip().startswith(mark)


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
