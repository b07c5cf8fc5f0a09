"""JSON values, read one after the other: memory holds one value, however many there are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import TextIO

from models.model_errors import DataFileError

_PIECE = 1 << 16
_LARGEST_ELEMENT = 1024 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")
# What follows a number that may go on in the next piece: 12 may be the beginning of 123, and 12. of 12.5.
_GOES_ON = re.compile(r"[-+.0-9eE]*\Z")


def _whole_number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # Python turns no number of thousands of digits into an int; nothing here needs one
        return math.copysign(math.inf, -1 if digits.startswith("-") else 1)


DECODER = json.JSONDecoder(parse_int=_whole_number)
"""As `json.loads`, but a number of any length is one."""


def array_elements(text: TextIO) -> Iterator[tuple[int, object]]:
    """Yield (the line where it begins, the value) of each element of the list that `text` is.

    Raises DataFileError, with the line, where it stops being JSON; what came before has been yielded by then.
    """
    buffer = _Buffer(text)
    yield from _elements(buffer)
    buffer.expect("")


def leading_elements(text: TextIO) -> Iterator[tuple[int, object]]:
    """Yield the elements of the list that `text` begins with, as `array_elements` does, whatever follows it."""
    return _elements(_Buffer(text))


def values(text: TextIO) -> Iterator[tuple[int, object]]:
    """Yield (the line where it begins, the value) of values that follow each other with white space between them.

    Raises DataFileError as `array_elements` does.
    """
    buffer = _Buffer(text)
    while buffer.peek():
        line = buffer.line
        yield line, buffer.value()


def _elements(buffer: _Buffer) -> Iterator[tuple[int, object]]:
    buffer.expect("[")
    if buffer.peek() == "]":
        buffer.expect("]")
        return
    while True:
        buffer.skip_space()
        line = buffer.line
        yield line, buffer.value()
        if buffer.peek() == "]":
            buffer.expect("]")
            return
        buffer.expect(",")


class _Buffer:
    """Buffer of the text that was read and not used yet."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held = ""
        self._place = 0
        self.line = 1

    def peek(self) -> str:
        """Return the next character that is no white space; empty at the end."""
        self.skip_space()
        return self._held[self._place : self._place + 1]

    def expect(self, mark: str) -> None:
        """Use up that character, or be at the end if it is empty; raises DataFileError if another one comes."""
        if self.peek() != mark:
            raise self._broken()
        self._use(self._place + len(mark))

    def skip_space(self) -> None:
        """Use up white space."""
        while True:
            found = _SPACE.match(self._held, self._place)
            self._use(found.end() if found else self._place)
            if self._place < len(self._held) or not self._read_on():
                return

    def value(self) -> object:
        """Use up one value."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._place)
            except (ValueError, RecursionError):
                whole = False
            else:
                whole = not isinstance(value, int | float) or not _GOES_ON.match(self._held, end)
            if whole:
                self._use(end)
                return value
            if len(self._held) - self._place > _LARGEST_ELEMENT:
                most = f"{_LARGEST_ELEMENT:,} characters"
                raise DataFileError(f"What begins in line {self.line} has more than {most} or is not whole JSON.")
            if not self._read_on():
                raise self._broken()

    def _use(self, end: int) -> None:
        self.line += self._held.count("\n", self._place, end)
        self._place = end

    def _read_on(self) -> bool:
        # As much again as is held, so that a long element is tried a few times and not for each piece of it.
        piece = self._text.read(max(_PIECE, len(self._held) - self._place))
        self._held, self._place = self._held[self._place :] + piece, 0
        return bool(piece)

    def _broken(self) -> DataFileError:
        return DataFileError(f"The file is not whole JSON: what begins in line {self.line} cannot be read.")
