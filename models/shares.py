"""Shares with confidence intervals, for the web and for the worker."""

from __future__ import annotations

import math
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

    def __str__(self) -> str:
        return f"{self.part} of {self.whole} [{self.low:.0%}, {self.high:.0%}]"
