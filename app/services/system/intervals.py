"""Shares with confidence intervals, and a test of whether counts are more uneven than by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution: 95 % lie within ± that


@dataclass(frozen=True)
class Share:
    """`part` out of `whole`, with the 95 % score interval of Wilson (1927), which also holds for few and for all."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """Return the share, or None if `whole` is 0."""
        return self.part / self.whole if self.whole else None

    @property
    def low(self) -> float:
        """Return the lower end of the interval."""
        return max(0.0, self._middle - self._half)

    @property
    def high(self) -> float:
        """Return the upper end of the interval."""
        return min(1.0, self._middle + self._half)

    @property
    def _middle(self) -> float:
        if not self.whole:
            return 0.5
        return (self.part / self.whole + _Z**2 / (2 * self.whole)) / (1 + _Z**2 / self.whole)

    @property
    def _half(self) -> float:
        if not self.whole:
            return 0.5
        share = self.part / self.whole
        spread = math.sqrt(share * (1 - share) / self.whole + _Z**2 / (4 * self.whole**2))
        return _Z * spread / (1 + _Z**2 / self.whole)


def unevenness(counts: Sequence[int]) -> float:
    """Return Pearson's p-value of three counts: the probability that equal chances make counts at least as uneven.

    The chi-square distribution with 2 degrees of freedom has the survival function exp(-x / 2) (Pearson 1900). Raises
    ValueError for another number of counts.
    """
    if len(counts) != 3:
        raise ValueError("only three counts have two degrees of freedom")
    total = sum(counts)
    if not total:
        return 1.0
    expected = total / 3
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    return math.exp(-statistic / 2)
