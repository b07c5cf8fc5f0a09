"""Agreement of people on the same screens: Krippendorff's alpha, and every pair of people by itself.

Units and categories are defined in `app/services/people/ratings.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.services.people import ratings
from app.services.people.ratings import Person, Unit
from app.services.system import counts as stored_counts
from app.services.system.cache import remembered
from models.shares import Share

RESAMPLES = 1_000
_SEED = 2004
_AFTER_USERS = 2**63

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha of `ratings` ratings of `units` units; None if it is not defined.

    1 is full agreement, 0 is agreement by chance. `low` and `high` are the 95 % interval of the percentile bootstrap
    over units (Efron & Tibshirani 1993, chapter 13); they are None with fewer than two units.
    """

    value: float | None
    low: float | None
    high: float | None
    units: int
    ratings: int


@dataclass(frozen=True)
class Pair:
    """Two people, and the share of the units that both judged on which they said the same."""

    one: Person
    other: Person
    same: Share


@dataclass(frozen=True)
class Agreement:
    """The agreement of everybody, and of every two people, a ranking counting as a choice of its first text.

    `rankings` is that of the orders of those units that at least two people ranked.
    """

    alpha: Alpha
    pairs: list[Pair]
    rankings: Alpha


def measured(session: Session) -> Agreement:
    """Return the agreement among the latest judgments, computed again if one was made, undone or deleted since."""
    made = stored_counts.by_person(session)
    totals = made.counts.values()
    sums = sum(count for count, _ in totals), sum(undone for _, undone in totals)
    stamp = (*sums, made.deletions) if made.exact else None

    def measure() -> Agreement:
        said = ratings.units(session)
        rated = [{person: ratings.first_choice(one) for person, one in unit.items()} for unit in said]
        orders = [[one for one in unit.values() if one.startswith(ratings.RANKED)] for unit in said]
        return Agreement(alpha([list(unit.values()) for unit in rated]), pairs(rated), alpha(orders, apart))

    return remembered(session, "agreement", stamp, measure)


def different(one: Hashable, other: Hashable) -> float:
    """Return 1 for two different categories and 0 for the same: the distance of nominal data."""
    return float(one != other)


def apart(one: str, other: str) -> float:
    """Return the share of the pairs of texts that two rankings of the same texts put in different orders.

    That is the distance of Kendall (1938), divided by its greatest value.
    """
    place = {text: number for number, text in enumerate(ratings.order_in(other))}
    both = [text for text in ratings.order_in(one) if text in place]  # imported rankings may be of more texts
    turned = [place[better] > place[worse] for better, worse in combinations(both, 2)]
    return sum(turned) / len(turned)


def alpha(rated: Iterable[Collection[Any]], distance: Callable[[Any, Any], float] = different) -> Alpha:
    """Compute alpha with any number of ratings per unit (Krippendorff 2011, section C), by the distance of categories.

    With n_uc the ratings of unit u in category c, m_u all of unit u, n_c and n their sums over the units, and d_ck the
    distance of two categories: observed disagreement sum_uck n_uc n_uk d_ck / (m_u - 1) / n, expected sum_ck n_c n_k
    d_ck / (n (n - 1)), alpha = 1 - observed / expected. Units with one rating are left out.
    """
    counts, times, categories = _patterns(unit for unit in rated if len(unit) > 1)
    if not len(counts):
        return Alpha(None, None, None, 0, 0)
    sizes = counts.sum(axis=1)
    distances = np.array([[distance(one, other) for other in categories] for one in categories])
    disagreeing = (counts @ distances * counts).sum(axis=1) / (sizes - 1)
    sums = np.column_stack([disagreeing, counts])
    (value,) = _alphas(times[None] @ sums, distances)
    defined = not np.isnan(value)  # NaN if all ratings are of one category: no disagreement is expected
    low, high = _interval(sums, times, distances) if defined else (None, None)
    return Alpha(float(value) if defined else None, low, high, int(times.sum()), int(times @ sizes))


def pairs(rated: Sequence[Unit]) -> list[Pair]:
    """Return every two people with a unit in common, those with the most in common first."""
    same: dict[tuple[Person, Person], list[int]] = defaultdict(lambda: [0, 0])
    for unit in rated:
        for one, other in combinations(sorted(unit, key=_order), 2):
            seen = same[one, other]
            seen[0] += unit[one] == unit[other]
            seen[1] += 1
    found = [Pair(one, other, Share(part, whole)) for (one, other), (part, whole) in same.items()]
    return sorted(found, key=lambda pair: (-pair.same.whole, _order(pair.one), _order(pair.other)))


def _order(person: Person) -> tuple[int, str]:
    """Return what people are put in order by: users by id, then those of files by name."""
    return (person, "") if isinstance(person, int) else (_AFTER_USERS, person)


def _patterns(rated: Iterable[Collection[Any]]) -> tuple[Array, Array, list[Any]]:
    """Count ratings by category, (patterns, categories), for each different pattern, and the units that have it.

    The categories come last.
    """
    columns: dict[Hashable, int] = {}
    seen = Counter(tuple(sorted(columns.setdefault(category, len(columns)) for category in unit)) for unit in rated)
    counts = np.zeros((len(seen), len(columns)))
    for row, pattern in enumerate(seen):
        for column in pattern:
            counts[row, column] += 1
    return counts, np.array(list(seen.values()), dtype=float), list(columns)


def _alphas(sums: Array, distances: Array) -> Array:
    """Compute alpha for each row of sums over units, (rows, 1 + categories); NaN if it is not defined."""
    disagreeing, by_category = sums[:, 0], sums[:, 1:]
    rated = by_category.sum(axis=1)
    expected = (by_category @ distances * by_category).sum(axis=1) / (rated * (rated - 1))
    expected[expected <= 0] = np.nan
    found: Array = 1 - disagreeing / rated / expected
    return found


def _interval(sums: Array, times: Array, distances: Array) -> tuple[float | None, float | None]:
    number = int(times.sum())
    if number < 2:
        return None, None
    # Resampling units with replacement is the same as drawing the number of units of each pattern.
    drawn = np.random.default_rng(_SEED).multinomial(number, times / number, size=RESAMPLES)
    values = _alphas(drawn @ sums, distances)
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None, None
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)
