"""A packed file, unpacked while it is read and no further than a bound: a few MB can hold gigabytes of nothing."""

from __future__ import annotations

import io
from typing import BinaryIO

from models.model_errors import DataFileError

MOST_TIMES = 250
"""A file that unpacks to more than so many times what was read of it holds no texts: those shrink to a tenth or so."""
LARGEST_UNPACKED = 1024**3
"""Bytes that a file may unpack to which was sent to the studio."""
FREE = 64 * 1024 * 1024
"""So many bytes may be unpacked however small the file is."""
_PIECE = 1 << 20


def check_unpacked(unpacked: int, packed: int, most: int | None) -> None:
    """Raise DataFileError if `packed` bytes of a file become more than `most`, or more than any texts would.

    Nothing is too much where `most` is None.
    """
    if most is None:
        return
    if unpacked > most:
        raise DataFileError(f"The file unpacks to more than {_said(most)}: unpack it and send it in parts.")
    if unpacked > max(FREE, MOST_TIMES * packed):
        raise DataFileError(f"The file unpacks to more than {MOST_TIMES} times its size: unpack it before it is sent.")


def _said(size: int) -> str:
    return f"{size // 1024**3} GB" if size % 1024**3 == 0 else f"{size // 1024**2:,} MB"


class Unpacked(io.RawIOBase):
    """Content of a packed file, which a reader called `inner` unpacks from the file `raw` that lies there.

    Reading or going beyond the bounds of `check_unpacked` raises DataFileError before any more is unpacked.
    """

    def __init__(self, inner: BinaryIO, raw: BinaryIO, most: int | None) -> None:
        self._inner = inner
        self._raw = raw
        self._most = most
        self._place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True, although going back begins anew."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io gives it nothing else
        """Fill the buffer as far as there is something left; returns how many bytes that is."""
        piece = self._inner.read(len(buffer))
        buffer[: len(piece)] = piece
        self._place += len(piece)
        check_unpacked(self._place, self._raw.tell(), self._most)
        return len(piece)

    def tell(self) -> int:
        """Return the place in the content."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the content, and return it."""
        if whence == io.SEEK_END:
            while self.read(_PIECE):
                pass
        wanted = offset if whence == io.SEEK_SET else self._place + offset
        if wanted < self._place:
            self._place = self._inner.seek(wanted)
        while self._place < wanted and self.read(min(_PIECE, wanted - self._place)):
            pass
        return self._place

    def close(self) -> None:
        """Close the reader that unpacks, but not the file itself."""
        self._inner.close()
        super().close()
