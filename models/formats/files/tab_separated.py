"""Tables with tabs, in which a quote may be written around a cell, as Excel and pandas do, or be a part of a text.

A quote around a cell may hold tabs, line ends and doubled quotes. Which of the two a file means is told by its first
rows: as soon as one quote is opened and not closed properly, every quote is a part of the texts, since two of them
far apart would swallow the rows between. Further down, such a quote is a part of its own row only.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import takewhile
from typing import TextIO

from models.formats.files.lines import capped, too_long
from models.formats.files.raw_rows import LONGEST_CELL, RawRow

_EVIDENCE_LINES = 50_000
_MOST_LINES = 1000
"""A cell has at most so many lines: looking further for the end of a quote would take long for each stray one."""
_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"(?=\t|[\r\n]*\Z)')
_OPENED = re.compile(r'(?:\A|\t)"')


def first_stray_quote(text: TextIO) -> int:
    """Return the line of the first quote that does not close its own cell, 0 if there is none in the first rows.

    Goes back to the beginning of the text.
    """
    text.seek(0)
    found = _Rows(capped(text), quoted=True)
    rows = takewhile(lambda row: row.line <= _EVIDENCE_LINES, found.rows())
    stray = next((row.line for row in rows if found.stray), 0)
    text.seek(0)
    return stray


def tab_rows(text: TextIO, quoted: bool) -> Iterator[RawRow]:
    """Yield the rows from where the text stands, blank ones too; `quoted` says whether quotes are around cells."""
    return _Rows(capped(text), quoted).rows()


class _Rows:
    """The rows of some lines. `stray` says whether the row that came last has a quote that closes no cell."""

    def __init__(self, lines: Iterator[str | None], quoted: bool) -> None:
        self._lines = lines
        self._ahead: deque[str | None] = deque()
        self._quoted = quoted
        self._line = 0
        self._width = 0
        self.stray = False

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows, a row a line but where a quoted cell has several."""
        while self._more():
            line = self._next()
            begins = self._line
            if line is None:
                yield RawRow(begins, [], too_long())
                continue
            cells = None
            self.stray = False
            if self._quoted and _OPENED.search(line):
                cells = self._quoted_cells(line)
                self.stray = cells is None
            row = cells or _literal(line)
            if len(row) > 1 or row[0].strip():
                self._width = self._width or len(row)
            yield RawRow(begins, row)

    def _more(self) -> bool:
        """Return whether there is another line."""
        self._look(0)
        return len(self._ahead) > 0

    def _next(self) -> str | None:
        """Use up the next line, of which there must be one; None if it is too long."""
        self._look(0)
        self._line += 1
        return self._ahead.popleft()

    def _quoted_cells(self, line: str) -> list[str] | None:
        """The cells of a row with quotes around some; None if they are none, with nothing read but its line."""
        taken = [line]
        cells = _cells(line)
        while cells == []:
            more = self._up_to_quote(len(taken) - 1)
            taken += more
            if not more or sum(map(len, taken)) > LONGEST_CELL:
                return None
            cells = _cells("".join(taken))
        if cells is None or not self._fits(cells, taken):
            return None
        for _ in taken[1:]:
            self._next()
        return cells

    def _up_to_quote(self, place: int) -> list[str]:
        """The lines from so far ahead up to the next that holds a quote, empty if there is none."""
        found: list[str] = []
        while place + len(found) < _MOST_LINES and (line := self._look(place + len(found))) is not None:
            found.append(line)
            if '"' in line:
                return found
        return []

    def _look(self, place: int) -> str | None:
        """The line so far ahead, None if there is none or it is too long."""
        while len(self._ahead) <= place:
            try:
                self._ahead.append(next(self._lines))
            except StopIteration:
                return None
        return self._ahead[place]

    def _fits(self, cells: list[str], lines: list[str]) -> bool:
        """Return whether the cells are a row, rather than the lines rows of their own whose quotes mean nothing."""
        apart = {len(_literal(line)) for line in lines}
        if len(lines) == 1:
            return len(cells) == self._width or self._width not in apart
        if len(cells) == self._width:
            return self._width == 1 or apart != {self._width}
        return (not self._width or len(cells) < self._width) and (len(apart) > 1 or apart == {1})


def _literal(line: str) -> list[str]:
    return line.rstrip("\r\n").split("\t")


def _cells(text: str) -> list[str] | None:
    """The cells of a row; empty if a quote is still open at its end, None if one closes no cell."""
    cells, place, end = [], 0, len(text.rstrip("\r\n"))
    while True:
        if text.startswith('"', place):
            found = _QUOTED.match(text, place)
            if found is None:
                return [] if _is_open(text, place) else None
            cells.append(found[1].replace('""', '"'))
            place = found.end()
        else:
            until = text.find("\t", place)
            until = end if until < 0 else until
            cells.append(text[place:until])
            place = until
        if place >= end:
            return cells
        place += 1


def _is_open(text: str, place: int) -> bool:
    """Return whether the quote at that place is not closed by any other, doubled ones apart."""
    return '"' not in text[place + 1 :].replace('""', "")
