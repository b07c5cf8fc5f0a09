"""Figures and differences with their 95 % confidence intervals over texts.

Up to `FEW` texts they are exact or Student's (few_texts.py), beyond that the percentile bootstrap's (bootstrap.py). Two
systems are compared text by text, and below `ENOUGH` texts no difference counts as shown, whatever its interval. Not
covered: the randomness of training and of sampling candidates, which would need several runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worker.measures.bootstrap import percentile_interval
from worker.measures.few_texts import alike_interval, bounded_mean, exact_share, jackknife_interval
from worker.measures.statistic import MEAN, Array, Statistic

FEW = 60
"""Up to this number of texts, intervals are not the bootstrap's."""
ENOUGH = 12
"""Below this number of texts, no difference counts as shown."""

METHOD = f"exact or Student's t up to {FEW} texts, by the bootstrap over texts beyond"

Bounds = tuple[float, float]
SHARE: Bounds = (0.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; `texts` is the number of texts that contribute to it."""

    value: float
    low: float
    high: float
    texts: int

    def within(self, limits: Bounds | None) -> Estimate:
        """Return the same with the interval cut at the least and the greatest value that the figure can have."""
        least, greatest = limits or (-math.inf, math.inf)
        return Estimate(self.value, max(least, self.low), min(greatest, self.high), self.texts)

    def as_dict(self) -> dict[str, float]:
        """Return the numbers for a report, rounded to six decimals."""
        return {**_rounded(self.value, self.low, self.high), "texts": self.texts}


@dataclass(frozen=True)
class Difference:
    """A figure of one system minus the same figure of another, with its interval, on `texts` texts."""

    value: float
    low: float
    high: float
    texts: int

    @property
    def too_few(self) -> bool:
        """Return True if the texts are too few to show any difference."""
        return self.texts < ENOUGH

    @property
    def differs(self) -> bool:
        """Return True if the interval excludes 0 and the texts are enough."""
        return not self.too_few and (self.low > 0 or self.high < 0)

    def as_dict(self) -> dict[str, float | bool]:
        """Return the numbers for a report, rounded to six decimals."""
        numbers = _rounded(self.value, self.low, self.high)
        return {**numbers, "differs": self.differs, "texts": self.texts, "too_few": self.too_few}


def estimate(statistic: Statistic, bounds: Bounds | None = None) -> Estimate:
    """Return the figure with its interval; `bounds` are the least and the greatest value that a text can have."""
    rows = statistic.rows[statistic.present]
    value, texts = statistic.value, len(rows)
    if texts == 0:
        low, high = bounds or (value, value)
    elif bounds is not None and statistic.kind == MEAN and (texts <= FEW or _all_alike(rows)):
        low, high = _bounded(rows, bounds)
    else:
        low, high = _interval(Statistic(statistic.kind, rows).of, texts)
    return Estimate(value, min(low, value), max(high, value), texts).within(bounds)


def difference(ours: Statistic, theirs: Statistic) -> Difference:
    """Return `ours` minus `theirs`, paired by text; both must be of the same texts, in the same order."""
    if len(ours.rows) != len(theirs.rows) or ours.kind != theirs.kind:
        raise ValueError("Only figures of one kind, of the same texts, have a paired difference.")
    present = ours.present | theirs.present
    left, right = (Statistic(ours.kind, statistic.rows[present]) for statistic in (ours, theirs))
    value, texts = ours.value - theirs.value, int(present.sum())
    low, high = _interval(lambda counts: left.of(counts) - right.of(counts), texts) if texts else (value, value)
    return Difference(value, low, high, texts)


def _interval(figure: Callable[[Array], Array], texts: int) -> tuple[float, float]:
    if texts <= FEW:
        return jackknife_interval(figure, texts)
    low, high = percentile_interval(figure, texts)
    alike = high - low < 1e-9 * max(1.0, abs(low))
    return alike_interval(low, texts) if alike else (low, high)


def _bounded(rows: Array, bounds: Bounds) -> tuple[float, float]:
    sums, counts = rows.T
    if bounds == SHARE and len(rows) <= FEW and np.all(counts == 1) and np.isin(sums, (0, 1)).all():
        return exact_share(int(sums.sum()), len(rows))
    return bounded_mean(rows, *bounds)


def _all_alike(rows: Array) -> bool:
    sums, counts = rows.T
    return bool(np.ptp(sums / counts) == 0)


def _rounded(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}
