"""Bootstrap confidence intervals over many texts.

This is the percentile bootstrap (Efron & Tibshirani 1993, chapter 13). Every figure is a function of sums over texts,
so resampling is one product of a matrix of counts with the texts' rows. Two systems are compared on the same resampled
texts, as Koehn (2004) does for translation: a text's difficulty affects both and cancels out. On few texts its
intervals are too narrow: two equal systems "differ" in 7 % of cases on 60 texts, 15 % on 5, and always on 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from worker.measures.statistic import Array

RESAMPLES = 2000
SEED = 20221107
LEVEL = 0.95
_QUANTILES = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def percentile_interval(figure: Callable[[Array], Array], texts: int) -> tuple[float, float]:
    """Return the interval of `figure`, a function from how often each text counts, (samples, texts), to (samples)."""
    low, high = np.quantile(figure(_resampled(texts)), _QUANTILES)
    return float(low), float(high)


@lru_cache(maxsize=4)
def _resampled(texts: int) -> Array:
    """Return how often each text is drawn in each resample, (RESAMPLES, texts); constant for a number of texts."""
    random = np.random.default_rng(SEED)
    return random.multinomial(texts, np.full(texts, 1 / texts), size=RESAMPLES).astype(np.float64)
