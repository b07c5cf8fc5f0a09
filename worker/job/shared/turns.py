"""Whose turn it is: each studio that has a run waiting gets its share of turns, and none waits for ever.

This is weighted fair queueing (Demers, Keshav and Shenker 1989) with runs for packets. A run is given the moment at
which it would end if all studios worked at once, each at a speed of its share; the run that would end first is next.
So short runs go before long ones, a studio that asks seldom is served soon, and one that always asks gets no more than
its share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from types import MappingProxyType

from app.runtime.queue import CPU_QUEUE, GPU_QUEUE, OLD_QUEUE

LENGTHS: Mapping[str, int] = MappingProxyType({CPU_QUEUE: 1, OLD_QUEUE: 1, GPU_QUEUE: 4})
"""How many turns a run of each queue counts for: initial training reads a whole file, the others read clicks."""


@dataclass(frozen=True, order=True)
class _Waiting:
    ends: Fraction
    number: int
    begins: Fraction


class Turns:
    """The order of the studios, each with its share."""

    def __init__(self, shares: Mapping[str, int]) -> None:
        self._shares = shares
        self._moment = Fraction(0)
        self._free_from = dict.fromkeys(shares, Fraction(0))
        self._waiting: dict[str, _Waiting] = {}
        self._numbers = count()

    def ask(self, studio: str, queue: str) -> None:
        """Let a studio wait for a turn, for a run of that queue."""
        begins = max(self._moment, self._free_from[studio])
        self._waiting[studio] = _Waiting(
            begins + Fraction(LENGTHS[queue], self._shares[studio]), next(self._numbers), begins
        )

    def withdraw(self, studio: str) -> None:
        """Let a studio wait no more."""
        self._waiting.pop(studio, None)

    def next(self) -> str | None:
        """Give the next turn, and return the studio whose it is; None if none waits."""
        if not self._waiting:
            return None
        studio = min(self._waiting, key=self._waiting.__getitem__)
        served = self._waiting.pop(studio)
        self._moment, self._free_from[studio] = max(self._moment, served.begins), served.ends
        return studio
