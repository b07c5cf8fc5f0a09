"""Measure whether people who click at random are found, and whether anybody else is.

    python -m benchmarks.reliability [--parts found clean tastes gain] [--teams 1000] [--first-team 0] [--gain-teams 20]

A team are ten people of one taste (benchmarks/support/tastes.py) who choose among three real rewrites, 40 times each.
Each clicks at random now and then, one in ten times on average and one in five at most. A tenth of the clicks are on
screens that one other person judged, too. A random clicker takes each card alike, is as slow as the others, and meets
no attention check: all that can tell is what the others chose. Rude sentences of talk pages are read from
MELLOW_SHARED_DATA (default ../shared/data); every team clicks on screens of its own choice among 500 that are drawn
once and kept in build/reliability. What was found of a team is kept there, too, for as long as models/reliability.py
and what it rests on stay as they are: interrupted, it goes on where it was.

- **found**: teams with two random clickers: in how many both have the greatest lapse, and so weigh least.
- **clean**: teams with nobody to find: in how many anybody weighs other than exactly 1. All others learn what they
  learned without weights, to the last bit.
- **tastes**: the same, but two of the ten have a taste of their own.
- **gain**: how far the win rate of what a head shows of unseen texts, chosen from the same samples, is above one half
  after the clicks of a team with two random clickers, weighed, as a share of that after the clicks of the same people
  with two more of their taste in the random clickers' place. A head takes a share of all clicks to be lapses, and so
  bears some random ones among them. Here people who read click FEW times, and who does not read MANY times, which is
  quickly done: half of all clicks say nothing.

Of some tastes a head learns little from so few clicks, or most cards please alike, and then nobody can be found: each
taste is told by itself, and the goal is asked of those in LEARNED.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from app.config import EMBEDDED_BASE_MODEL
from benchmarks.support.harness import ROOT, Finding
from benchmarks.support.people import RESAMPLES, Writer, rude_sentences, win_rates
from benchmarks.support.tastes import KINDS, Taste
from benchmarks.support.teams import CLICKS, PEOPLE, Kept, Simulated, Team, drawn
from models.reliability import Answer, Reliability, reliabilities
from models.reward.features import Array
from models.reward.head import Head, fitted
from models.reward.judgments import JudgedScreen
from models.serving import head_choice
from models.serving.generator import CANDIDATES, Sampling
from models.shares import Share
from worker.publish.convert import convert_to_ctranslate2

LEARNED = ("brief", "faithful", "formal")
TASTES = (*LEARNED, "gentle", "without-you", "lively", "melodious", "warm", "about-the-matter")
OF_THEIR_OWN = {"brief": "melodious", "faithful": "formal", "formal": "lively"}
"""The taste of two people in a team of another one."""
AT_RANDOM = 2
SAMPLES, WIDENING = 24, 7 / 6
"""Samples of a screen with a head, and the factor of their temperature (models/serving/generator.py)."""
FEW, MANY = 30, 120
"""The clicks of a person who reads and of one who does not, for the gain."""
PARTS = ("found", "clean", "tastes", "gain")


def found(simulated: Simulated, teams: range, kept: Kept) -> Iterator[Finding]:
    """Look for two random clickers in teams of each taste."""
    for kind in TASTES:
        told = [
            kept.team(f"found {kind} {seed}", partial(simulated.clicks, [kind] * PEOPLE, seed, AT_RANDOM))
            for seed in teams
        ]
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


def clean(simulated: Simulated, teams: range, kept: Kept) -> Finding:
    """Look for somebody in teams in which there is nobody to find, a third of them of each learned taste."""
    told = [
        kept.team(f"clean {seed}", partial(simulated.clicks, [_taste(seed)] * PEOPLE, 10_000 + seed)) for seed in teams
    ]
    return _nobody("Ten people of one taste: teams in which anybody weighs other than 1", told)


def tastes(simulated: Simulated, teams: range, kept: Kept) -> Finding:
    """Look for somebody in teams of two tastes."""

    def clicks(seed: int) -> list[Answer]:
        return simulated.clicks([_taste(seed)] * 8 + [OF_THEIR_OWN[_taste(seed)]] * 2, 20_000 + seed)

    told = [kept.team(f"tastes {seed}", partial(clicks, seed)) for seed in teams]
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


class Unseen:
    """Texts that nobody clicked, and what a head shows of their samples, which are the same for all heads."""

    def __init__(self, writer: Writer, texts: Sequence[str]) -> None:
        sampling = Sampling(Sampling().temperature * WIDENING)
        drawn_pools = {text: writer.generator.samples(text, sampling, SAMPLES) for text in texts}
        self._pools = {text: pool for text, pool in drawn_pools.items() if len(pool) >= CANDIDATES}
        self._before = writer.screens(self.texts)

    @property
    def texts(self) -> list[str]:
        """Return the texts."""
        return list(self._pools)

    def win_rate(self, taste: Taste, head: Head) -> float:
        """Return the mean win rate of what the head shows against what is shown without any."""
        shown = []
        for place, (text, pool) in enumerate(self._pools.items()):
            picks = head_choice.prefer(text, pool, CANDIDATES, head, random.Random(place))
            shown.append([pool[pick.place].text for pick in picks])
        return float(np.mean(win_rates(taste, self.texts, shown, self._before)))


def gain(simulated: Simulated, teams: range, kept: Kept, unseen: Unseen) -> Finding:
    """Compare what is shown after the clicks of teams of each learned taste, with and without two random clickers."""

    def rates(kind: str, seed: int) -> dict[str, float]:
        """Return the win rate of one team by what its head learned from."""
        whole = simulated.clicks([kind] * PEOPLE, 30_000 + seed, numbers=(FEW,) * PEOPLE)
        numbers = (FEW,) * (PEOPLE - AT_RANDOM) + (MANY,) * AT_RANDOM
        mixed = simulated.clicks([kind] * PEOPLE, 30_000 + seed, AT_RANDOM, numbers)
        weights = {person: one.weight for person, one in reliabilities(mixed).items()}
        lost = {f"{person}" for person in range(PEOPLE - AT_RANDOM, PEOPLE)}
        heads = {
            "clean": _head(whole, {}),
            "alike": _head(mixed, {}),
            "weighed": _head(mixed, weights),
            "without": _head([one for one in mixed if one.person not in lost], {}),
        }
        won = {name: unseen.win_rate(KINDS[kind].taste, head) for name, head in heads.items()}
        return {**won, "found": sum(weights[person] < 1 for person in lost) / AT_RANDOM}

    every = [
        kept(f"gain {kind} {seed} {FEW} {MANY} {len(unseen.texts)}", partial(rates, kind, seed))
        for seed, kind in itertools.product(teams, LEARNED)
    ]
    seen = {name: np.array([team[name] for team in every]) for name in every[0]}
    shares = {name: _kept_share(seen[name], seen["clean"]) for name in ("weighed", "alike", "without")}
    return Finding(
        claim=f"Gain kept by the head alone: two random clickers with {MANY} clicks each, eight others with {FEW}",
        goal="95 %",
        met=shares["weighed"][0] >= 0.95,
        ratio=shares["weighed"][0],
        measured={
            "win rate": float(seen["weighed"].mean()),
            "kept, at least": shares["weighed"][1],
            "kept, at most": shares["weighed"][2],
            "random clickers who weigh less": float(seen["found"].mean()),
            "teams": len(every),
            "texts": len(unseen.texts),
        },
        baseline=f"ten people of that taste with {FEW} clicks each; all weighing alike; the eight without the two",
        baseline_measured={
            "win rate, clean": float(seen["clean"].mean()),
            **{
                f"kept, {name}{bound}": value
                for name in ("alike", "without")
                for bound, value in zip(("", ", at least", ", at most"), shares[name], strict=True)
            },
        },
    )


def _kept_share(some: Array, whole: Array) -> tuple[float, float, float]:
    """Return which share of a gain is kept, with its 95 % interval, by the bootstrap over teams."""
    drawn_teams = np.random.default_rng(0).integers(len(some), size=(RESAMPLES, len(some)))
    low, high = np.quantile((some[drawn_teams].mean(1) - 0.5) / (whole[drawn_teams].mean(1) - 0.5), (0.025, 0.975))
    return float((some.mean() - 0.5) / (whole.mean() - 0.5)), float(low), float(high)


def _head(answers: Sequence[Answer], weights: dict[str, float]) -> Head:
    return fitted([JudgedScreen(one.cards, (one.chosen,), weight=weights.get(one.person, 1.0)) for one in answers])


def _are_last(team: Team) -> bool:
    lapses = [team[f"{person}"].lapse for person in range(PEOPLE)]
    return min(lapses[-AT_RANDOM:]) > max(lapses[:-AT_RANDOM])


def _mean(told: Sequence[Team], people: range, of: Callable[[Reliability], float]) -> float:
    return float(np.mean([of(team[f"{person}"]) for team in told for person in people]))


def main() -> None:
    """Measure each part that was asked for, and print a line of JSON for each claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--teams", type=int, default=1000, help="clean; a tenth as many of others (%(default)s)")
    parser.add_argument("--first-team", type=int, default=0, help="the first of them (%(default)s)")
    parser.add_argument("--gain-teams", type=int, default=20, help="of each taste (%(default)s)")
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
        texts = list(itertools.islice(rude_sentences(data, 11), options.texts))
        kept = Kept()
        parts: dict[str, Callable[[], Iterable[Finding]]] = {
            "found": lambda: found(simulated, few, kept),
            "clean": lambda: [clean(simulated, many, kept)],
            "tastes": lambda: [tastes(simulated, few, kept)],
            "gain": lambda: [gain(simulated, range(first, first + options.gain_teams), kept, Unseen(writer, texts))],
        }
        for name in options.parts:
            for finding in parts[name]():
                finding.tell()


if __name__ == "__main__":
    main()
