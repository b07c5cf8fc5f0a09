"""95 % confidence intervals on few texts, where the bootstrap claims too much.

share of texts        exact (Clopper & Pearson 1934)
mean within bounds    Student's t, with half a text added at either bound: where nearly all texts score alike, few texts
                      hold none of the rare ones that score otherwise, and their own spread says nothing of those
any other figure      Student's t on its jackknife (Efron & Tibshirani 1993, chapter 11), which for a mean is its usual
                      standard error, and serves figures that are no means, such as BLEU

n texts that are all alike have no spread to go by. Up to p = 1 − 0.025^(1/n) of all texts may still be unlike them
(Clopper & Pearson with no exception in n), a quarter with a dozen texts. Those are taken to be of no difference at all,
or of twice as much: the interval is c ± p·|c|. Where c is 0 it has no width: two systems that wrote the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import betaincinv, stdtrit

from worker.measures.statistic import Array

TAIL = 0.025
_HALF = 0.5  # a text's weight at either bound


@cache
def exact_share(part: int, whole: int) -> tuple[float, float]:
    """Return the exact interval of the share `part` of `whole`, a positive number."""
    low = 0.0 if part == 0 else float(betaincinv(part, whole - part + 1, TAIL))
    high = 1.0 if part == whole else float(betaincinv(part + 1, whole - part, 1 - TAIL))
    return low, high


def bounded_mean(rows: Array, low: float, high: float) -> tuple[float, float]:
    """Return the interval of Σ sums / Σ counts of `rows`, (texts, 2), each of whose ratios is in `low` … `high`."""
    sums, counts = rows.T
    typical = counts.mean()
    mean = (sums.sum() + _HALF * typical * (low + high)) / (counts.sum() + 2 * _HALF * typical)
    squares = np.square(sums - mean * counts).sum()
    squares += _HALF * typical**2 * ((low - mean) ** 2 + (high - mean) ** 2)
    weight = len(rows) + 2 * _HALF
    error = math.sqrt(weight / (weight - 1) * squares) / (counts.sum() + 2 * _HALF * typical)
    reach = t_quantile(max(1, len(rows) - 1)) * error
    return max(low, mean - reach), min(high, mean + reach)


def jackknife_interval(figure: Callable[[Array], Array], texts: int) -> tuple[float, float]:
    """Return the interval of `figure`, a function from how often each text counts, (samples, texts), to (samples)."""
    value = float(figure(np.ones((1, texts)))[0])
    without = figure(1 - np.eye(texts)) if texts > 1 else np.full(1, value)
    # `texts` times as far apart as the figures without one text are the texts themselves.
    if texts * np.ptp(without) < 1e-9 * max(1.0, abs(value)):
        return alike_interval(value, texts)
    error = math.sqrt((texts - 1) / texts * np.square(without - without.mean()).sum())
    reach = t_quantile(texts - 1) * error
    return value - reach, value + reach


def alike_interval(value: float, texts: int) -> tuple[float, float]:
    """Return the interval of a figure that is `value` on each of `texts` texts."""
    reach = abs(value) * (1 - TAIL ** (1 / texts))
    return value - reach, value + reach


@cache
def t_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t with `freedom` degrees of freedom, 1 or more."""
    return float(stdtrit(freedom, 1 - TAIL))
