"""The lines of a text, one after the other: memory holds one line, and never one that is too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from models.formats.files.raw_rows import LONGEST_CELL, RawRow, not_utf8
from models.model_errors import DataFileError

LONGEST_LINE = LONGEST_CELL
MOST_BLANK = 1_000_000
"""A file may have more blank lines than this only where a tenth as many hold something."""
_MARK = "\ufeff"


def too_long() -> str:
    """Return what is to be said of a line that is too long."""
    return f"the line has more than {LONGEST_LINE:,} characters"


class Blanks:
    """Counts blank lines beside those that hold something: of a file of nothing else, no row would ever come."""

    def __init__(self) -> None:
        self._blank = 0
        self._filled = 0

    def count(self, blank: bool) -> None:
        """Count one line; raises DataFileError if there are too many blank ones."""
        self._blank += blank
        self._filled += not blank
        if self._blank > max(MOST_BLANK, 10 * self._filled):
            raise DataFileError(f"The file has {self._blank:,} blank lines and little else: remove them.")


def capped(text: TextIO) -> Iterator[str | None]:
    """Yield every line with its end, or None for one of more than LONGEST_LINE characters, which is never held whole.

    U+2028 and its like end no line: a text may hold them. `text` must have been opened with newline="".
    """
    before = "\n"
    while piece := text.readline(LONGEST_LINE + len("\r\n")):
        # A piece may stop between the two marks of a line's end.
        if before.endswith(("\r", "\n")) and not (before.endswith("\r") and piece == "\n"):
            yield piece if len(piece.rstrip("\r\n")) <= LONGEST_LINE else None
        before = piece


def numbered(text: TextIO) -> Iterator[tuple[int, str | None]]:
    """Yield every line that is not blank, without its end, with its number; None if it is too long to be read.

    Raises DataFileError if the file has blank lines and little else.
    A byte order mark at the beginning of a line, where two files were joined, is no part of it.
    """
    blanks = Blanks()
    for number, line in enumerate(capped(text), start=1):
        whole = None if line is None else line.rstrip("\r\n").removeprefix(_MARK)
        blank = whole is not None and not whole.strip()
        blanks.count(blank)
        if not blank:
            yield number, whole


def text_rows(text: TextIO) -> Iterator[RawRow]:
    """Yield every line that is not blank as a text."""
    for number, line in numbered(text):
        if line is None:
            yield RawRow(number, "", too_long())
        else:
            yield RawRow(number, line, not_utf8(line))
