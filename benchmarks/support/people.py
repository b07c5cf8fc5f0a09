"""Simulated people: what they are shown, what they click, and how a version's cards please them."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.support.tastes import Kind, Taste
from models.reward.features import Array
from models.reward.head import Head, fitted
from models.reward.judgments import JudgedScreen
from models.serving import choosing
from models.serving.engine import Draw, Engine
from models.serving.generator import COMPUTE_TYPE, Generator, Sampling, wording
from models.serving.screen import Shown
from worker.training.shared.examples import PreferenceExample

PLAIN_SAMPLES = 4
POOL = 16
RESAMPLES = 2000
_LONGEST, _SHORTEST = 25, 4

Cards = list[list[str]]
"""For each text the cards that are shown, or the samples that are drawn."""


@dataclass(frozen=True)
class Click:
    """A text, the three cards that were shown, which of them was clicked, and what a head reads of them.

    Or what was `written` instead, and what a head reads of that.
    """

    text: str
    cards: tuple[str, ...]
    chosen: int
    features: tuple[Array, ...] = field(compare=False)
    written: str | None = None
    written_features: Array | None = field(default=None, compare=False)


class Writer:
    """A version in its serving form: the screens that the studio shows, and the samples of the T5 itself."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.generator = Generator(folder, 1, threads=1, seed=seed)
        self._engine = Engine(folder, compute_type=COMPUTE_TYPE, threads=1, seed=seed)

    def cards(self, text: str, head: Head | None = None, wanted: int = 3) -> tuple[Shown, ...]:
        """The cards of one screen; more of what was drawn with a greater `wanted`."""
        return self.generator.generate(text, Sampling(), wanted, head).candidates

    def screens(self, texts: Sequence[str], head: Head | None = None, wanted: int = 3) -> Cards:
        """The cards of a screen of each text."""
        return [[one.text for one in self.cards(text, head, wanted)] for text in texts]

    def plain(self, texts: Sequence[str]) -> Cards:
        """Samples at the temperature of the studio, without any choice among them and nothing forbidden."""
        sampling = Sampling()

        def one(text: str) -> str:
            draw = Draw(self._engine.tokens(text), 1, sampling.temperature, sampling, frozenset())
            return self._engine.draw(draw).samples[0].text

        return [[one(text) for _ in range(PLAIN_SAMPLES)] for text in texts]


def rude_sentences(data: Path, seed: int) -> Iterator[str]:
    """Different rude sentences of talk pages, in an order that the seed decides."""
    with gzip.open(data / "corpus" / "jigsaw_comments.txt.gz", "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    random.Random(seed).shuffle(lines)
    seen: set[str] = set()
    for line in lines:
        if _SHORTEST <= len(line.split()) <= _LONGEST and wording(line) not in seen and not choosing.is_polite(line):
            seen.add(wording(line))
            yield line


def clicks(
    writer: Writer,
    kind: Kind,
    texts: Iterator[str],
    number: int,
    seed: int,
    *,
    live: bool = False,
    edits: bool = False,
    before: Sequence[Click] = (),
) -> list[Click]:
    """So many clicks of a person on the next texts of which three different rewrites can be shown.

    If they are `live`, a head learns from each at once, and chooses what is shown next. With `edits` the person makes a
    card better by hand instead of clicking it. Those made `before` count, and taught the version that writes.
    """
    chance = random.Random(seed)
    made = list(before)
    while len(made) < number:
        text = next(texts)
        shown = writer.cards(text, learned(made, taught=bool(before)) if live else None)
        cards = [one.text for one in shown]
        if len(cards) < 3:
            continue
        best = chance.randrange(3)  # of cards that please alike, any
        if chance.random() >= kind.noise:
            scores = [kind.taste(text, card) for card in cards]
            best = chance.choice([place for place, score in enumerate(scores) if score == max(scores)])
        click = Click(text, tuple(cards), best, tuple(one.features for one in shown))
        if edits:
            assert kind.edit is not None
            written = kind.edit(cards[best], chance)
            click = replace(click, written=written, written_features=writer.generator.features(text, [written])[0])
        made.append(click)
    return made


def judgments(made: Sequence[Click]) -> list[JudgedScreen]:
    """The clicks as a head reads them."""
    return [
        JudgedScreen(one.features, (one.chosen,) if one.written is None else (), one.written_features) for one in made
    ]


def learned(made: Sequence[Click], *, taught: bool = False) -> Head | None:
    """The head that the studio would have after those clicks, on a version that was `taught` or not."""
    return replace(fitted(judgments(made)), taught=taught) if made else None


def pairs(made: Sequence[Click]) -> list[PreferenceExample]:
    """The pairs that the studio makes of clicks."""
    return [
        PreferenceExample(
            one.text, one.written or one.cards[one.chosen], other, click=number, written=one.written is not None
        )
        for number, one in enumerate(made)
        for place, other in enumerate(one.cards)
        if one.written is not None or place != one.chosen
    ]


def win_rates(taste: Taste, texts: Sequence[str], after: Cards, before: Cards) -> list[float]:
    """Of each text, the share of comparisons that a card of `after` wins against one of `before`; ties count half."""

    def of(text: str, ours: Sequence[str], theirs: Sequence[str]) -> float:
        mine, yours = ([taste(text, card) for card in cards] for cards in (ours, theirs))
        return float(np.mean([(a > b) + 0.5 * (a == b) for a in mine for b in yours]))

    return [of(*row) for row in zip(texts, after, before, strict=True)]


def ceiling(taste: Taste, texts: Sequence[str], pools: Cards) -> Cards:
    """The three of each pool that the taste itself would show."""
    return [sorted(pool, key=partial(taste, text), reverse=True)[:3] for text, pool in zip(texts, pools, strict=True)]


def interval(by_person: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The mean with its 95 % interval, by the bootstrap over people and, within each, over texts."""
    chance = np.random.default_rng(0)
    rows = [np.asarray(row, dtype=np.float64) for row in by_person]

    def once() -> float:
        people = chance.integers(len(rows), size=len(rows))
        return float(np.mean([chance.choice(rows[person], len(rows[person])).mean() for person in people]))

    low, high = np.quantile([once() for _ in range(RESAMPLES)], (0.025, 0.975))
    return float(np.mean([row.mean() for row in rows])), float(low), float(high)
