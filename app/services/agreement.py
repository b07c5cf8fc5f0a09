"""How much people agree about the same screens: Krippendorff's alpha, and every pair of people by itself.

A unit is a prompt with the same rewrites in front of at least two people; attention checks and skipped screens are
left out. What a person said of it is one category: which text they chose, or that they wrote a better one, that texts
are equal, or that none will do. Texts are compared, not places, for each person has the rewrites in an order of their
own. So that chance is judged alike for all prompts, the texts of a unit are numbered in the order of their hashes,
which says nothing of how good they are: two people who choose at random among three meet in a third of the cases.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Verdict
from app.services import tallies
from app.services.intervals import Share
from app.services.remembered import remembered

WINDOW = 10_000
RESAMPLES = 1_000
_SEED = 2004
_IDS_AT_ONCE = 500

Array = npt.NDArray[np.float64]
Unit = dict[int, str]  # person → category


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
    made = tallies.gestures(session).values()
    stamp = (sum(count for count, _ in made), sum(undone for _, undone in made))

    def measure() -> Agreement:
        rated = units(session)
        return Agreement(alpha([list(unit.values()) for unit in rated]), pairs(rated))

    return remembered(session, "agreement", stamp, measure)


def units(session: Session, window: int = WINDOW) -> list[Unit]:
    """What was said of every unit among the latest `window` standing judgments; of one person's, the latest counts."""
    by_prompt: dict[int, list[Row[int, str, int, int, str]]] = defaultdict(list)
    for row in session.execute(
        select(
            Judgment.user_id,
            Judgment.verdict,
            Judgment.generation_id,
            Generation.prompt_id,
            Candidate.text,
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .outerjoin(Candidate, Candidate.id == Judgment.candidate_id)
        .where(Judgment.undone_at.is_(None), Judgment.verdict != Verdict.SKIPPED, Generation.gold.is_(False))
        .order_by(Judgment.id.desc())
        .limit(window)
    ):
        by_prompt[row.prompt_id].append(row)
    shared = [rows for rows in by_prompt.values() if len({row.user_id for row in rows}) > 1]
    shown = _texts(session, [row.generation_id for rows in shared for row in rows])
    found: dict[tuple[int, tuple[str, ...]], Unit] = defaultdict(dict)
    for rows in shared:
        for row in rows:
            texts = shown[row.generation_id]
            found[row.prompt_id, texts].setdefault(row.user_id, _category(row.verdict, row.text, texts))
    return [unit for unit in found.values() if len(unit) > 1]


def alpha(rated: Iterable[Collection[Hashable]]) -> Alpha:
    """Alpha for nominal data with any number of ratings a unit (Krippendorff 2011, section C).

    With n_uc the ratings of unit u in category c, m_u all of unit u, n_c and n their sums over the units:
    observed disagreement 1 - sum_uc n_uc (n_uc - 1) / (m_u - 1) / n, expected 1 - sum_c n_c (n_c - 1) / (n (n - 1)),
    alpha = 1 - observed / expected. Units with one rating count for nothing.
    """
    counts = _counts([list(unit) for unit in rated if len(unit) > 1])
    if not len(counts):
        return Alpha(None, None, None, 0, 0)
    sizes = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (sizes - 1)
    sums = np.column_stack([agreeing, counts])
    value = _alpha_of_sums(sums.sum(axis=0))
    low, high = _interval(sums) if value is not None else (None, None)
    return Alpha(value, low, high, len(counts), int(sizes.sum()))


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


def _texts(session: Session, generation_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The different texts of each screen, in the order of their hashes."""
    wanted = sorted(set(generation_ids))
    shown: dict[int, set[str]] = {generation_id: set() for generation_id in wanted}
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        ids = wanted[start : start + _IDS_AT_ONCE]
        for generation_id, text in session.execute(
            select(Candidate.generation_id, Candidate.text).where(Candidate.generation_id.in_(ids))
        ):
            shown[generation_id].add(text)
    return {generation_id: tuple(sorted(texts, key=_digest)) for generation_id, texts in shown.items()}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _category(verdict: str, chosen: str | None, texts: tuple[str, ...]) -> str:
    return f"text {texts.index(chosen)}" if verdict == Verdict.CHOSEN and chosen in texts else verdict


def _counts(rated: Sequence[Sequence[Hashable]]) -> Array:
    """(units, categories): how many rated each unit so."""
    columns: dict[Hashable, int] = {}
    for unit in rated:
        for category in unit:
            columns.setdefault(category, len(columns))
    counts = np.zeros((len(rated), len(columns)))
    for row, unit in enumerate(rated):
        for category in unit:
            counts[row, columns[category]] += 1
    return counts


def _alpha_of_sums(sums: Array) -> float | None:
    agreeing, by_category = sums[0], sums[1:]
    ratings = by_category.sum()
    expected = 1 - (by_category * (by_category - 1)).sum() / (ratings * (ratings - 1))
    if expected <= 0:
        return None  # everybody always said the same thing: there is no disagreement to compare with
    return float(1 - (1 - agreeing / ratings) / expected)


def _interval(sums: Array) -> tuple[float | None, float | None]:
    number = len(sums)
    if number < 2:
        return None, None
    random = np.random.default_rng(_SEED)
    drawn = [
        _alpha_of_sums(np.bincount(random.integers(number, size=number), minlength=number) @ sums)
        for _ in range(RESAMPLES)
    ]
    defined = [value for value in drawn if value is not None]
    if not defined:
        return None, None
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)
