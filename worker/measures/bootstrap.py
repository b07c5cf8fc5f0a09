"""Bootstrap confidence intervals over texts.

This is the percentile bootstrap (Efron & Tibshirani 1993, chapter 13). Every figure is a function of sums over texts,
so resampling is one product of a matrix of counts with the texts' rows. Two systems are compared on the same resampled
texts, as Koehn (2004) does for translation: a text's difficulty affects both and cancels out. Not covered: the
randomness of training and of sampling candidates, which would need several runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from worker.measures.references import bleu_of_sums, chrf_of_sums

Array = npt.NDArray[np.float64]

RESAMPLES = 2000
SEED = 20221107
LEVEL = 0.95
_QUANTILES = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True)
class Statistic:
    """A figure before summation. `rows` is (texts, k); `kind` names the function from the k sums to the figure."""

    kind: str
    rows: Array

    def of(self, counts: Array) -> Array:
        """Compute the figure where text i counts `counts[:, i]` times; (resamples, texts) → (resamples)."""
        return _KINDS[self.kind](counts @ self.rows)


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; `texts` is the number of texts that contribute to it."""

    value: float
    low: float
    high: float
    texts: int

    def as_dict(self) -> dict[str, float]:
        """Return the numbers for a report, rounded to six decimals."""
        return {**_rounded(self.value, self.low, self.high), "texts": self.texts}


@dataclass(frozen=True)
class Difference:
    """A figure of one system minus the same figure of another, with its interval."""

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Return True if the interval excludes 0."""
        return self.low > 0 or self.high < 0

    def as_dict(self) -> dict[str, float | bool]:
        """Return the numbers for a report, rounded to six decimals."""
        return {**_rounded(self.value, self.low, self.high), "differs": self.differs}


def mean_of(values: npt.ArrayLike, present: npt.ArrayLike | None = None) -> Statistic:
    """Return the mean of one value a text, over the texts that are `present` (default: all)."""
    # Rounded as they are stored, so that a version with the same outputs as its parent differs from it by exactly 0.
    marks = np.round(np.asarray(values, dtype=np.float64), 6)
    weight = np.ones_like(marks) if present is None else np.asarray(present, dtype=np.float64)
    return Statistic("mean", np.column_stack([marks * weight, weight]))


def ratio_of(sums: npt.ArrayLike, counts: npt.ArrayLike) -> Statistic:
    """Return the mean over all rows of groups, from each group's sum and its number of rows."""
    return Statistic("mean", np.column_stack([np.asarray(sums, np.float64), np.asarray(counts, np.float64)]))


def estimate(statistic: Statistic) -> Estimate:
    """Return the figure with its interval."""
    texts = len(statistic.rows)
    low, high = np.quantile(statistic.of(_resampled(texts)), _QUANTILES)
    value = statistic.of(np.ones((1, texts)))[0]
    return Estimate(float(value), float(low), float(high), int(np.any(statistic.rows != 0, axis=1).sum()))


def difference(ours: Statistic, theirs: Statistic) -> Difference:
    """Return `ours` minus `theirs`, paired by text; both must be of the same texts, in the same order."""
    if len(ours.rows) != len(theirs.rows) or ours.kind != theirs.kind:
        raise ValueError("Only figures of one kind, of the same texts, have a paired difference.")
    counts, once = _resampled(len(ours.rows)), np.ones((1, len(ours.rows)))
    low, high = np.quantile(ours.of(counts) - theirs.of(counts), _QUANTILES)
    return Difference(float((ours.of(once) - theirs.of(once))[0]), float(low), float(high))


@lru_cache(maxsize=4)
def _resampled(texts: int) -> Array:
    """Return how often each text is drawn in each resample, (RESAMPLES, texts); constant for a number of texts."""
    random = np.random.default_rng(SEED)
    return random.multinomial(texts, np.full(texts, 1 / texts), size=RESAMPLES).astype(np.float64)


def _mean(sums: Array) -> Array:
    # A resample may hold none of the texts that count; its mean is then 0.
    return np.divide(sums[:, 0], sums[:, 1], out=np.zeros(len(sums)), where=sums[:, 1] > 0)


_KINDS: Mapping[str, Callable[[Array], Array]] = {"mean": _mean, "bleu": bleu_of_sums, "chrf": chrf_of_sums}


def _rounded(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}
