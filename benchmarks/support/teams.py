"""Simulated teams of people who choose among real rewrites, some of them at random, and what was found of each."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.support.harness import ROOT
from benchmarks.support.people import Writer, rude_sentences
from benchmarks.support.tastes import KINDS
from models.reliability import Answer, Reliability, reliabilities
from models.reward.features import Array

FOLDER = ROOT / "build" / "reliability"
PEOPLE, CLICKS = 10, 40
SHARED = 4
"""Of a person's clicks, those on a screen that one other person judged."""
SCREENS = 500
_MOST_NOISE = 0.2

Team = dict[str, Reliability]


class Kept:
    """Values that were computed before, by name, in a file of FOLDER: a line of JSON each."""

    def __init__(self) -> None:
        sources = (ROOT / "models" / name for name in ("reliability.py", "overlap.py", "reward/posterior.py"))
        digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        self._file = FOLDER / f"teams-{digest[:8]}.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self._known: dict[str, Any] = dict(map(json.loads, lines))

    def __call__(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return what was computed under that name, or compute it now."""
        if name not in self._known:
            self._known[name] = compute()
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, self._known[name]]) + "\n")
        return self._known[name]

    def team(self, name: str, clicks: Callable[[], Sequence[Answer]]) -> Team:
        """Return the reliabilities of a team."""
        found = self(name, lambda: {person: asdict(one) for person, one in reliabilities(clicks()).items()})
        return {person: Reliability(**one) for person, one in found.items()}


@dataclass(frozen=True)
class Drawn:
    """A screen: the text, its three cards, and their features, (3, SIZE)."""

    text: str
    cards: tuple[str, ...]
    features: Array


class Simulated:
    """The screens, and what people of each taste like best on each of them."""

    def __init__(self, screens: Sequence[Drawn]) -> None:
        self.screens = screens
        self.best = functools.cache(self._best)

    def _best(self, kind: str, place: int) -> list[int]:
        screen = self.screens[place]
        scores = [KINDS[kind].taste(screen.text, card) for card in screen.cards]
        return [card for card, score in enumerate(scores) if score == max(scores)]

    def clicks(
        self, tastes: Sequence[str], seed: int, at_random: int = 0, numbers: Sequence[int] = (CLICKS,) * PEOPLE
    ) -> list[Answer]:
        """Return the clicks of a team, in the order they were made; the last `at_random` people click at random.

        `numbers` are those of the clicks of each person.
        """
        chance = random.Random(seed)
        made = []
        for person, (kind, places) in enumerate(zip(tastes, self._dealt(chance, numbers), strict=True)):
            noise = chance.uniform(0, _MOST_NOISE)
            lost = person >= PEOPLE - at_random
            for place in places:
                by_chance = chance.random() < noise or lost
                card = chance.choice(range(3) if by_chance else self.best(kind, place))
                features = list(self.screens[place].features)
                made.append(Answer(f"{person}", place, features, card, chance.randrange(3)))
        chance.shuffle(made)
        return made

    def _dealt(self, chance: random.Random, numbers: Sequence[int]) -> list[list[int]]:
        """Return the places of each person's screens, SHARED of which are also another person's."""
        alone = [number - SHARED for number in numbers]
        order = iter(chance.sample(range(len(self.screens)), sum(alone) + PEOPLE * SHARED // 2))
        dealt = [list(itertools.islice(order, number)) for number in alone]
        for _ in range(SHARED):
            people = chance.sample(range(PEOPLE), PEOPLE)
            for one, other in zip(people[::2], people[1::2], strict=True):
                place = next(order)
                dealt[one].append(place)
                dealt[other].append(place)
        return dealt


def drawn(writer: Writer, data: Path) -> list[Drawn]:
    """Return SCREENS screens, drawn once and kept."""
    file = FOLDER / "screens.npz"
    if not file.exists():
        screens = (Drawn(text, *_cards(writer, text)) for text in rude_sentences(data, 7))
        kept = list(itertools.islice((one for one in screens if len(one.cards) == 3), SCREENS))
        FOLDER.mkdir(parents=True, exist_ok=True)
        texts = json.dumps([[one.text, one.cards] for one in kept])
        np.savez_compressed(file, texts=texts, features=np.array([one.features for one in kept]))
    stored = np.load(file)
    texts = json.loads(str(stored["texts"]))
    return [Drawn(text, tuple(cards), rows) for (text, cards), rows in zip(texts, stored["features"], strict=True)]


def _cards(writer: Writer, text: str) -> tuple[tuple[str, ...], Array]:
    shown = writer.cards(text)
    return tuple(one.text for one in shown), np.array([one.features for one in shown])
