"""The rows of a JSON document: a list of objects, or an object that holds one under `data`, each with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from models.errors import DataFileError
from models.formats.files.pair_rows import RawRow, json_rows

_SPACE = re.compile(r"[ \t\r\n]*")
_NOT_ROWS = "The file is JSON, but neither a list of rows nor an object with one under data."


def document_rows(text: str) -> Iterator[RawRow]:
    """The rows of a .json file; one that has a JSON object a line is read as JSON Lines.

    Raises `DataFileError`, with the line, where the document is not JSON.
    """
    begins = _skip(text, 0)
    if text[begins : begins + 1] == "[":
        yield from _elements(text, begins)
        return
    data = _place_of_data(text, begins)
    yield from json_rows(text) if data is None else _elements(text, data)


def _elements(text: str, begins: int) -> Iterator[RawRow]:
    """The elements of the list that begins at `begins`, each with the line where it begins."""
    place, line, counted = _skip(text, begins + 1), 1, 0
    while text[place : place + 1] != "]":
        line, counted = line + text.count("\n", counted, place), place
        value, place = _value(text, place)
        if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(cell, str) for cell in value)):
            yield RawRow(line, value)
        else:
            yield RawRow(line, [], "the element is not a JSON object")
        place = _skip(text, place)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != "]":
            raise _broken(text, place)


def _place_of_data(text: str, begins: int) -> int | None:
    """Where the list under `data` begins, if the text is one object that has it; None if it is JSON Lines."""
    if text[begins : begins + 1] != "{":
        return None
    first, _, rest = text[begins:].partition("\n")
    if not rest.strip() or _is_object(first):
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(whole.get("data"), list):
            return None
    found, place = None, _skip(text, begins + 1)
    while text[place : place + 1] == '"':
        name, place = _value(text, place)
        place = _skip(text, place)
        if text[place : place + 1] != ":":
            raise _broken(text, place)
        place = _skip(text, place + 1)
        if name == "data" and text[place : place + 1] == "[":
            found = place
        _, place = _value(text, place)
        place = _skip(text, place)
        place = _skip(text, place + 1) if text[place : place + 1] == "," else place
    if text[place : place + 1] != "}":
        raise _broken(text, place)
    if found is None:
        raise DataFileError(_NOT_ROWS)
    return found


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _value(text: str, place: int) -> tuple[object, int]:
    try:
        return json.JSONDecoder().raw_decode(text, place)
    except json.JSONDecodeError as error:
        raise _broken(text, error.pos) from None
    except (ValueError, RecursionError):
        raise _broken(text, place) from None


def _broken(text: str, place: int) -> DataFileError:
    return DataFileError(f"The file is not whole JSON: line {text.count(chr(10), 0, place) + 1} cannot be read.")


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
