"""How much people agree about the same screens: Krippendorff's alpha, and every pair of people by itself.

What a unit is and what was said of it: `app/services/people/ratings.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.services.people import ratings
from app.services.people.ratings import Unit
from app.services.system import counts as stored_counts
from app.services.system.cache import remembered
from models.shares import Share

RESAMPLES = 1_000
_SEED = 2004

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha of `ratings` ratings of `units` units; None where it is not defined.

    1 is full agreement, 0 what chance gives. `low` and `high` are the 95 % interval of the percentile bootstrap over
    units (Efron & Tibshirani 1993, chapter 13); they are None with fewer than two units.
    """

    value: float | None
    low: float | None
    high: float | None
    units: int
    ratings: int


@dataclass(frozen=True)
class Pair:
    """Two people, and on how many of the units that both judged they said the same."""

    one: int
    other: int
    same: Share


@dataclass(frozen=True)
class Agreement:
    """How much everybody agrees, and every two people by themselves."""

    alpha: Alpha
    pairs: list[Pair]


def measured(session: Session) -> Agreement:
    """The agreement among the latest judgments; measured anew when one was made or undone since."""
    made = stored_counts.gestures(session).values()
    stamp = (sum(count for count, _ in made), sum(undone for _, undone in made))

    def measure() -> Agreement:
        rated = ratings.units(session)
        return Agreement(alpha([list(unit.values()) for unit in rated]), pairs(rated))

    return remembered(session, "agreement", stamp, measure)


def alpha(rated: Iterable[Collection[Hashable]]) -> Alpha:
    """Alpha for nominal data with any number of ratings a unit (Krippendorff 2011, section C).

    With n_uc the ratings of unit u in category c, m_u all of unit u, n_c and n their sums over the units:
    observed disagreement 1 - sum_uc n_uc (n_uc - 1) / (m_u - 1) / n, expected 1 - sum_c n_c (n_c - 1) / (n (n - 1)),
    alpha = 1 - observed / expected. Units with one rating count for nothing.
    """
    counts, times = _patterns(unit for unit in rated if len(unit) > 1)
    if not len(counts):
        return Alpha(None, None, None, 0, 0)
    sizes = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (sizes - 1)
    sums = np.column_stack([agreeing, counts])
    (value,) = _alphas(times[None] @ sums)
    defined = not np.isnan(value)  # or everybody always said the same thing: there is no disagreement to compare with
    low, high = _interval(sums, times) if defined else (None, None)
    return Alpha(float(value) if defined else None, low, high, int(times.sum()), int(times @ sizes))


def pairs(rated: Sequence[Unit]) -> list[Pair]:
    """Every two people with a unit in common, those with the most in common first."""
    same: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for unit in rated:
        for one, other in combinations(sorted(unit), 2):
            seen = same[one, other]
            seen[0] += unit[one] == unit[other]
            seen[1] += 1
    found = [Pair(one, other, Share(part, whole)) for (one, other), (part, whole) in same.items()]
    return sorted(found, key=lambda pair: (-pair.same.whole, pair.one, pair.other))


def _patterns(rated: Iterable[Collection[Hashable]]) -> tuple[Array, Array]:
    """How many rated a unit so, (patterns, categories), for each pattern there is; and how many units have it."""
    columns: dict[Hashable, int] = {}
    seen = Counter(tuple(sorted(columns.setdefault(category, len(columns)) for category in unit)) for unit in rated)
    counts = np.zeros((len(seen), len(columns)))
    for row, pattern in enumerate(seen):
        for column in pattern:
            counts[row, column] += 1
    return counts, np.array(list(seen.values()), dtype=float)


def _alphas(sums: Array) -> Array:
    """Alpha of each row of sums over units, (rows, 1 + categories); no number where it is not defined."""
    agreeing, by_category = sums[:, 0], sums[:, 1:]
    rated = by_category.sum(axis=1)
    expected = 1 - (by_category * (by_category - 1)).sum(axis=1) / (rated * (rated - 1))
    expected[expected <= 0] = np.nan
    found: Array = 1 - (1 - agreeing / rated) / expected
    return found


def _interval(sums: Array, times: Array) -> tuple[float | None, float | None]:
    number = int(times.sum())
    if number < 2:
        return None, None
    # Units drawn with replacement: of so few patterns, it is their numbers that are drawn.
    drawn = np.random.default_rng(_SEED).multinomial(number, times / number, size=RESAMPLES)
    values = _alphas(drawn @ sums)
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None, None
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)
