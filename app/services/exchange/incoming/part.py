"""The part of a file that is taken: its first rows that can be used, or as many drawn at random."""

from __future__ import annotations

import random
from collections.abc import Container


class Part:
    """Tells row by row which of those that can be used are taken."""

    def __init__(self, chosen: Container[int], number: int) -> None:
        """Take those at the places that are `chosen`, so many in all."""
        self._chosen = chosen
        self._left = number
        self._place = -1

    @classmethod
    def first(cls, number: int) -> Part:
        """Return the part of the first rows."""
        return cls(range(number), number)

    @classmethod
    def drawn(cls, number: int, usable: int) -> Part:
        """Return a part drawn at random of so many rows that can be used, each as likely as any other."""
        number = min(number, usable)
        return cls(frozenset(random.sample(range(usable), number)), number)

    @property
    def complete(self) -> bool:
        """Return whether all that are to be taken were taken."""
        return self._left <= 0

    def takes(self) -> bool:
        """Return whether the next row that can be used is taken."""
        self._place += 1
        if self._place not in self._chosen:
            return False
        self._left -= 1
        return True
