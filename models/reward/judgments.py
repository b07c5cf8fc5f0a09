"""Judgments of screens as choices among alternatives.

Every judgment is the choice of one alternative (a conditional logit, McFadden 1974): a card by its features; a tie of
some cards by the mean of their features and a constant of its own (Davidson 1970, for more than two: Firth, Kosmidis
and Turner 2019); "none is good" by another constant, the threshold that no card reached; a text that the person wrote
by its features, beside the cards that it was preferred to. A ranking is a choice of the first, and then of the next
one among those that are left (Plackett 1975; Luce 1959), each with a lapse of its own. A skipped screen says nothing
and is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.reward.features import SIZE, Array

TIE, THRESHOLD = SIZE, SIZE + 1
"""Columns of the two constants in the row of an alternative."""
WIDTH = SIZE + 2


@dataclass(frozen=True)
class JudgedScreen:
    """A judged screen: the features of its cards, (SIZE,) each, and the choice.

    `chosen` are the places of the cards preferred to the others: one, or several that tie; empty means that none is
    good. `behind` are the places of the other cards in the order in which they were ranked, if they were. `written` are
    the features of a text that the person wrote instead, and then `chosen` is empty. `weight` is how much the judgment
    counts.
    """

    cards: Sequence[Array]
    chosen: tuple[int, ...] = ()
    written: Array | None = None
    weight: float = 1.0
    behind: tuple[int, ...] = ()


@dataclass(frozen=True)
class Choices:
    """Judgments as arrays: the rows of each one's alternatives less that of the chosen one, which is 0 therefore.

    `rows` is (judgments, alternatives, WIDTH), `real` (judgments, alternatives) is False for padding, `weights` is
    (judgments,). The chosen alternative is the first.
    """

    rows: Array
    real: np.ndarray
    weights: Array

    def __len__(self) -> int:
        return len(self.rows)


def choices(judged: Sequence[JudgedScreen], *, ranked: bool = False) -> Choices:
    """Return judgments as arrays of choices, one each.

    With `ranked`, the further choices of rankings come before these, so that the last rows are the judgments. Ties and
    "none" are alternatives only if somebody said such a thing: their constants are not estimated from never having been
    chosen.
    """
    ties = {len(one.chosen) for one in judged if one.written is None and len(one.chosen) > 1}
    nothing = any(one.written is None and not one.chosen for one in judged)
    further = [(table, one.weight) for one in judged for table in _further(one)] if ranked else []
    tables = [*(table for table, _ in further), *(_alternatives(one, ties, nothing) for one in judged)]
    weights = [*(weight for _, weight in further), *(one.weight for one in judged)]
    most = max(map(len, tables), default=1)
    rows, real = np.zeros((len(tables), most, WIDTH)), np.zeros((len(tables), most), dtype=bool)
    for place, table in enumerate(tables):
        real[place, : len(table)] = True
        for of, (features, constant) in zip(rows[place], table, strict=False):
            of[:SIZE] = features
            if constant is not None:
                of[constant] = 1.0
    rows -= rows[:, :1].copy()
    rows[~real] = 0.0
    return Choices(rows, real, np.array(weights, dtype=np.float64))


def _further(one: JudgedScreen) -> list[list[tuple[Array, int | None]]]:
    """Return the alternatives of each further choice of a ranking: the cards that were left, the next one first."""
    return [[(one.cards[place], None) for place in one.behind[start:]] for start in range(len(one.behind) - 1)]


def _alternatives(one: JudgedScreen, ties: Iterable[int], nothing: bool) -> list[tuple[Array, int | None]]:
    """Return the alternatives of a judgment, the chosen one first: features, and the column of its constant, if any."""
    number = len(one.cards)
    said: dict[tuple[int, ...], tuple[Array, int | None]] = {
        (place,): (one.cards[place], None) for place in range(number)
    }
    for size in ties:
        for tied in itertools.combinations(range(number), size):
            said[tied] = np.mean([one.cards[place] for place in tied], axis=0), TIE
    if nothing:
        said[()] = np.zeros(SIZE), THRESHOLD
    first = said.pop(tuple(sorted(one.chosen))) if one.written is None else (one.written, None)
    return [first, *said.values()]
