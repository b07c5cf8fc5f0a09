"""A figure before summation: a function of sums over texts, so that it can be computed again of any of the texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.measures.references import bleu_of_sums, chrf_of_sums

Array = npt.NDArray[np.float64]

MEAN = "mean"


@dataclass(frozen=True)
class Statistic:
    """A figure before summation. `rows` is (texts, k); `kind` names the function from the k sums to the figure."""

    kind: str
    rows: Array

    def of(self, counts: Array) -> Array:
        """Compute the figure where text i counts `counts[:, i]` times; (samples, texts) → (samples)."""
        return _KINDS[self.kind](counts @ self.rows)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Return which texts contribute to the figure, (texts)."""
        found: npt.NDArray[np.bool_] = np.any(self.rows != 0, axis=1)
        return found

    @property
    def value(self) -> float:
        """Return the figure of all texts."""
        return float(self.of(np.ones((1, len(self.rows))))[0])


def mean_of(values: npt.ArrayLike, present: npt.ArrayLike | None = None) -> Statistic:
    """Return the mean of one value a text, over the texts that are `present` (default: all)."""
    # Rounded as they are stored, so that a version with the same outputs as its parent differs from it by exactly 0.
    marks = np.round(np.asarray(values, dtype=np.float64), 6)
    weight = np.ones_like(marks) if present is None else np.asarray(present, dtype=np.float64)
    return Statistic(MEAN, np.column_stack([marks * weight, weight]))


def ratio_of(sums: npt.ArrayLike, counts: npt.ArrayLike) -> Statistic:
    """Return the mean over all rows of groups, from each group's sum and its number of rows."""
    return Statistic(MEAN, np.column_stack([np.asarray(sums, np.float64), np.asarray(counts, np.float64)]))


def _mean(sums: Array) -> Array:
    # A sample may hold none of the texts that count; its mean is then 0.
    return np.divide(sums[:, 0], sums[:, 1], out=np.zeros(len(sums)), where=sums[:, 1] > 0)


_KINDS: Mapping[str, Callable[[Array], Array]] = {MEAN: _mean, "bleu": bleu_of_sums, "chrf": chrf_of_sums}
