"""Measure whether people who click at random are found, and whether anybody else is.

    python -m benchmarks.reliability [--parts found clean tastes gain] [--teams 1000] [--first-team 0] [--gain-teams 3]

A team are ten people of one taste (benchmarks/support/tastes.py) who choose among three real rewrites, 40 times each.
Each clicks at random now and then, one in ten times on average and one in five at most. A tenth of the clicks are on
screens that one other person judged, too. A random clicker takes each card alike, is as slow as the others, and meets
no attention check: all that can tell is what the others chose. Rude sentences of talk pages are read from
MELLOW_SHARED_DATA (default ../shared/data); every team clicks on screens of its own choice among 500 that are drawn
once and kept in build/reliability.

- **found**: teams with two random clickers: in how many both have the greatest lapse, and so weigh least.
- **clean**: teams with nobody to find: in how many anybody weighs other than exactly 1. All others learn what they
  learned without weights, to the last bit.
- **tastes**: the same, but two of the ten have a taste of their own.
- **gain**: how far the win rate of what is shown on unseen texts (benchmarks/learning.py, head only) is above one half
  after the clicks of a team with two random clickers, weighed, as a share of that after the clicks of the same people
  with two more of their taste in the random clickers' place.

Of some tastes a head learns little from so few clicks, or most cards please alike, and then nobody can be found: each
taste is told by itself, and the goal is asked of those in LEARNED.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from app.config import EMBEDDED_BASE_MODEL
from benchmarks.support.harness import ROOT, Finding
from benchmarks.support.people import Writer, rude_sentences, win_rates
from benchmarks.support.tastes import KINDS
from models.reliability import Answer, Reliability, reliabilities
from models.reward.features import Array
from models.reward.head import Head, fitted
from models.reward.judgments import JudgedScreen
from models.shares import Share
from worker.publish.convert import convert_to_ctranslate2

FOLDER = ROOT / "build" / "reliability"
LEARNED = ("brief", "faithful", "formal")
TASTES = (*LEARNED, "gentle", "without-you", "lively", "melodious", "warm", "about-the-matter")
OF_THEIR_OWN = {"brief": "melodious", "faithful": "formal", "formal": "lively"}
"""The taste of two people in a team of another one."""
PEOPLE, AT_RANDOM, CLICKS = 10, 2, 40
SHARED = 4
"""Of a person's clicks, those on a screen that one other person judged."""
SCREENS = 500
PARTS = ("found", "clean", "tastes", "gain")
_MOST_NOISE = 0.2

Team = dict[str, Reliability]


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

    def clicks(self, tastes: Sequence[str], seed: int, at_random: int = 0) -> list[Answer]:
        """Return the clicks of a team, in the order they were made; the last `at_random` people click at random."""
        chance = random.Random(seed)
        made = []
        for person, (kind, places) in enumerate(zip(tastes, self._dealt(chance), strict=True)):
            noise = chance.uniform(0, _MOST_NOISE)
            lost = person >= PEOPLE - at_random
            for place in places:
                by_chance = chance.random() < noise or lost
                card = chance.choice(range(3) if by_chance else self.best(kind, place))
                features = list(self.screens[place].features)
                made.append(Answer(f"{person}", place, features, card, chance.randrange(3)))
        chance.shuffle(made)
        return made

    def _dealt(self, chance: random.Random) -> list[list[int]]:
        """Return the places of each person's screens, SHARED of which are also another person's."""
        alone = CLICKS - SHARED
        order = iter(chance.sample(range(len(self.screens)), PEOPLE * alone + PEOPLE * SHARED // 2))
        dealt = [list(itertools.islice(order, alone)) for _ in range(PEOPLE)]
        for _ in range(SHARED):
            people = chance.sample(range(PEOPLE), PEOPLE)
            for one, other in zip(people[::2], people[1::2], strict=True):
                place = next(order)
                dealt[one].append(place)
                dealt[other].append(place)
        return dealt


def found(simulated: Simulated, teams: range) -> Iterator[Finding]:
    """Look for two random clickers in teams of each taste."""
    for kind in TASTES:
        told = [reliabilities(simulated.clicks([kind] * PEOPLE, seed, AT_RANDOM)) for seed in teams]
        last = Share(sum(_are_last(team) for team in told), len(told))
        yield Finding(
            claim=f"Two random clickers among ten people whose taste is {kind}, {CLICKS} clicks each: both ranked last",
            goal="95 % of teams" if kind in LEARNED else "none: little to learn from so few clicks",
            met=kind not in LEARNED or (last.value or 0) >= 0.95,
            measured={
                "teams": last.whole,
                "both last": last.value or 0.0,
                "random clickers who weigh less": _mean(told, range(8, 10), lambda one: one.weight < 1),
                "and stand out": _mean(told, range(8, 10), lambda one: one.stands_out),
                "others who weigh less": _mean(told, range(8), lambda one: one.weight < 1),
                "lapse of random clickers": _mean(told, range(8, 10), lambda one: one.lapse),
                "lapse of others": _mean(told, range(8), lambda one: one.lapse),
            },
        )


def clean(simulated: Simulated, teams: range) -> Finding:
    """Look for somebody in teams in which there is nobody to find, a third of them of each learned taste."""
    told = [reliabilities(simulated.clicks([_taste(seed)] * PEOPLE, 10_000 + seed)) for seed in teams]
    return _nobody("Ten people of one taste: teams in which anybody weighs other than 1", told)


def tastes(simulated: Simulated, teams: range) -> Finding:
    """Look for somebody in teams of two tastes."""
    told = [
        reliabilities(simulated.clicks([_taste(seed)] * 8 + [OF_THEIR_OWN[_taste(seed)]] * 2, 20_000 + seed))
        for seed in teams
    ]
    return _nobody("Eight people of one taste and two of another: teams in which anybody weighs other than 1", told)


def _taste(seed: int) -> str:
    return LEARNED[seed % len(LEARNED)]


def _nobody(claim: str, told: Sequence[Team]) -> Finding:
    apart = Share(sum(any(one.weight != 1 for one in team.values()) for team in told), len(told))
    out = Share(sum(any(one.stands_out for one in team.values()) for team in told), len(told))
    return Finding(
        claim=claim,
        goal="1 % at most",
        met=(apart.value or 0) <= 0.01,
        measured={
            "teams": apart.whole,
            "with a weight": apart.part,
            "share": apart.value or 0.0,
            "at most, by its 95 % interval": apart.high,
            "with somebody who stands out": out.part,
        },
    )


def gain(simulated: Simulated, teams: range, writer: Writer, texts: Sequence[str]) -> Finding:
    """Compare what is shown after the clicks of teams of each learned taste, with and without two random clickers."""
    before = writer.screens(texts)
    rates: dict[str, list[float]] = {"clean": [], "alike": [], "weighed": []}
    for kind, seed in itertools.product(LEARNED, teams):
        whole = simulated.clicks([kind] * PEOPLE, 30_000 + seed)
        mixed = simulated.clicks([kind] * PEOPLE, 30_000 + seed, AT_RANDOM)
        weights = {person: one.weight for person, one in reliabilities(mixed).items()}
        heads = {"clean": _head(whole, {}), "alike": _head(mixed, {}), "weighed": _head(mixed, weights)}
        for name, head in heads.items():
            rates[name] += win_rates(KINDS[kind].taste, texts, writer.screens(texts, head), before)
    gains = {name: float(np.mean(of)) - 0.5 for name, of in rates.items()}
    kept = gains["weighed"] / gains["clean"]
    return Finding(
        claim="Gain kept with two random clickers among ten people of a learned taste, by the head alone",
        goal="95 %",
        met=kept >= 0.95,
        ratio=kept,
        measured={"win rate, weighed": 0.5 + gains["weighed"], "teams": len(LEARNED) * len(teams), "texts": len(texts)},
        baseline="ten people of that taste; the ten with random clickers, all weighing alike",
        baseline_measured={
            "win rate, clean": 0.5 + gains["clean"],
            "win rate, alike": 0.5 + gains["alike"],
            "kept, alike": gains["alike"] / gains["clean"],
        },
    )


def _head(answers: Sequence[Answer], weights: dict[str, float]) -> Head:
    return fitted([JudgedScreen(one.cards, (one.chosen,), weight=weights.get(one.person, 1.0)) for one in answers])


def _are_last(team: Team) -> bool:
    lapses = [team[f"{person}"].lapse for person in range(PEOPLE)]
    return min(lapses[-AT_RANDOM:]) > max(lapses[:-AT_RANDOM])


def _mean(told: Sequence[Team], people: range, of: Callable[[Reliability], float]) -> float:
    return float(np.mean([of(team[f"{person}"]) for team in told for person in people]))


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


def main() -> None:
    """Measure each part that was asked for, and print a line of JSON for each claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--teams", type=int, default=1000, help="clean; a tenth as many of others (%(default)s)")
    parser.add_argument("--first-team", type=int, default=0, help="the first of them (%(default)s)")
    parser.add_argument("--gain-teams", type=int, default=3, help="of each taste (%(default)s)")
    parser.add_argument("--texts", type=int, default=60, help="unseen ones, for the gain (%(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = Path(os.environ.get("MELLOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    first = options.first_team
    many, few = range(first, first + options.teams), range(first, first + max(1, options.teams // 10))
    with tempfile.TemporaryDirectory() as folder:
        serving = Path(folder) / "serving"
        convert_to_ctranslate2(EMBEDDED_BASE_MODEL, serving)
        writer = Writer(serving, seed=1)
        simulated = Simulated(drawn(writer, data))
        unseen = list(itertools.islice(rude_sentences(data, 11), options.texts))
        parts: dict[str, Callable[[], Iterable[Finding]]] = {
            "found": lambda: found(simulated, few),
            "clean": lambda: [clean(simulated, many)],
            "tastes": lambda: [tastes(simulated, few)],
            "gain": lambda: [gain(simulated, range(first, first + options.gain_teams), writer, unseen)],
        }
        for name in options.parts:
            for finding in parts[name]():
                finding.tell()


if __name__ == "__main__":
    main()
