"""What a person said of a screen, as a choice among alternatives.

Every gesture is the choice of one alternative (a conditional logit, McFadden 1974): a card by its features; a tie of
some cards by the mean of their features and a constant of its own (Davidson 1970, for more than two: Firth, Kosmidis
and Turner 2019); "none is good" by another constant, the threshold that no card reached; a text that the person wrote
by its features, beside the cards that it was preferred to. A skipped screen says nothing and is no judgment.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.reward.features import SIZE, Array

TIE, THRESHOLD = SIZE, SIZE + 1
"""Places of the two constants in a row of an alternative."""
WIDTH = SIZE + 2


@dataclass(frozen=True)
class Judged:
    """A screen that was judged: the features of its cards, (SIZE,) each, and what was said.

    `chosen` are the places of the cards preferred to the others: one, or several that tie; none of them says that none
    is good. `written` are the features of a text that the person wrote instead, and then nothing is chosen. `weight` is
    how much the judgment counts.
    """

    cards: Sequence[Array]
    chosen: tuple[int, ...] = ()
    written: Array | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Choices:
    """Judgments as arrays: of each the rows of its alternatives less that of the chosen one, which so is 0.

    `rows` is (judgments, alternatives, WIDTH), `real` (judgments, alternatives) tells the alternatives that there are
    from those that only fill the array, `weights` is (judgments,). The chosen one is the first.
    """

    rows: Array
    real: np.ndarray
    weights: Array

    def __len__(self) -> int:
        return len(self.rows)


def choices(judged: Sequence[Judged]) -> Choices:
    """Return judgments as the choices that they are.

    Ties and "none" are alternatives of a choice only if such a thing was ever said: of a constant that nothing is known
    of, it is not asked how often it was passed over.
    """
    ties = {len(one.chosen) for one in judged if one.written is None and len(one.chosen) > 1}
    nothing = any(one.written is None and not one.chosen for one in judged)
    tables = [_alternatives(one, ties, nothing) for one in judged]
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
    return Choices(rows, real, np.array([one.weight for one in judged], dtype=np.float64))


def _alternatives(one: Judged, ties: Iterable[int], nothing: bool) -> list[tuple[Array, int | None]]:
    """What could have been said, that which was said first: features, and the constant that comes with them."""
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
