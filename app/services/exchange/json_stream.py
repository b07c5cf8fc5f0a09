"""The elements of a JSON list, read one after the other: memory holds one element, however long the list is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TextIO

from app.errors import Malformed

_PIECE = 1 << 16
_LARGEST_ELEMENT = 1024 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def array_elements(text: TextIO) -> Iterator[tuple[int, object]]:
    """(the line where it begins, the value) of each element of the list that `text` is.

    Raises Malformed, with the line, where it stops being JSON; what came before has been yielded by then.
    """
    buffer = _Buffer(text)
    buffer.expect("[")
    if buffer.peek() == "]":
        return
    while True:
        buffer.skip_space()
        line = buffer.line
        yield line, buffer.value()
        mark = buffer.peek()
        if mark == "]":
            return
        buffer.expect(",")


class _Buffer:
    """What has been read of the text and not been used yet."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held = ""
        self._place = 0
        self.line = 1

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        self.skip_space()
        return self._held[self._place : self._place + 1]

    def expect(self, mark: str) -> None:
        """Use up that character; raises Malformed if another one comes."""
        if self.peek() != mark:
            raise self._broken()
        self._use(self._place + 1)

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
                value, end = _DECODER.raw_decode(self._held, self._place)
            except (ValueError, RecursionError):
                end = len(self._held)
            # A value that reaches to the end of what is held may go on: 12 may be the beginning of 123.
            if end < len(self._held):
                self._use(end)
                return value
            if len(self._held) - self._place > _LARGEST_ELEMENT:
                most = f"{_LARGEST_ELEMENT:,} characters"
                raise Malformed(f"What begins in line {self.line} has more than {most} or is not whole JSON.")
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

    def _broken(self) -> Malformed:
        return Malformed(f"The file is not whole JSON: what begins in line {self.line} cannot be read.")
