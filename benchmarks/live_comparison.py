"""How many clicks decide between two versions, and how often a version is preferred to itself.

    python -m benchmarks.live_comparison [--equal 10000] [--different 4000]

Screens are simulated: three cards, two of one version and one of the other by a fair coin, judged by people who take
turns at random. The odds of a card of the new version are so many times those of one of the old. After every click
somebody looks at the evidence (models/sequential.py), and the first verdict ends the comparison; after 500 screens it
ends without one, as in the studio.

The baseline shows each version on screens of its own, in turns. A click there compares a version with itself; what
tells of the version is whether any card was chosen. Of the old version's screens none is chosen on one of ten (or one
of five, or of twenty), and by the same odds less often on the new version's. The shares of screens with a choice are
compared by the e-variable of Turner, Ly and Grünwald (2024), "Generic E-variables for exact sequential k-sample tests
that allow for optional stopping": it knows both shares beforehand, has the same threshold, and grows as fast as any can
on pairs of screens. A screen without a choice counts as a screen on both sides. Prints a line of JSON a claim.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.support.harness import Finding, percentile
from models.sequential import THRESHOLDS, Click, curve, verdict

CARDS = 3
HORIZON, FIRST = 500, 150  # most comparisons of versions that differ have ended after the first so many
PAIRS = 10_000
GOAL_CLICKS, GOAL_FALSE, GOAL_RATIO, GOAL_MILLISECONDS = 75, 0.01, 10, 10


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--equal", type=int, default=10_000, help="comparisons of a version with itself")
    parser.add_argument("--different", type=int, default=4_000, help="comparisons of versions that differ")
    given = parser.parse_args()
    for people in (1, 3, 10):
        false_verdicts(people, given.equal)
        clicks_to_decide(people, given.different)
    for chosen in (0.8, 0.9, 0.95):
        separate_screens(chosen, given.different)
    speed()


def false_verdicts(people: int, comparisons: int) -> None:
    """Tell how often a version is promoted over itself, and taken back."""
    found = [mixed(np.random.default_rng((people, seed)), 1.0, people)[0] for seed in range(comparisons)]
    promoted = found.count("new") / comparisons
    Finding(
        claim=f"a version promoted over itself, people: {people}",
        goal=f"≤ {GOAL_FALSE:.0%}, looked at after each of {HORIZON} clicks",
        met=promoted <= GOAL_FALSE,
        measured={
            "promoted": promoted,
            "taken back": found.count("old") / comparisons,
            "comparisons": comparisons,
        },
    ).tell()


def clicks_to_decide(people: int, comparisons: int) -> None:
    """Tell how many clicks find a version that is better by so much, and take back one that is worse."""
    seen = {}
    for odds, right in ((2.0, "new"), (1.5, "new"), (3.0, "new"), (0.5, "old")):
        seen[odds] = waits(partial(mixed, odds=odds, people=people), right, comparisons)
    median = percentile(seen[2.0], 50)
    Finding(
        claim=f"clicks until the better version is found at odds 2, people: {people}",
        goal=f"median ≤ {GOAL_CLICKS}",
        met=median <= GOAL_CLICKS,
        measured={
            "p50": median,
            "p90": percentile(seen[2.0], 90),
            "p50 at odds 1.5": percentile(seen[1.5], 50),
            "p50 at odds 3": percentile(seen[3.0], 50),
            "p50 to take back at odds 1/2": percentile(seen[0.5], 50),
            "p90 to take back at odds 1/2": percentile(seen[0.5], 90),
        },
    ).tell()


def separate_screens(chosen: float, comparisons: int) -> None:
    """Tell how many more screens it takes where each shows one version, the old one's chosen from so often."""
    outside = CARDS * (1 - chosen) / chosen
    together = waits(partial(mixed, odds=2.0, people=1, outside=outside), "new", comparisons)
    separately = waits(partial(apart, odds=2.0, outside=outside), "new", comparisons)
    ratio = percentile(separately, 50) / percentile(together, 50)
    Finding(
        claim=f"screens until the better version is found at odds 2, a card chosen on {chosen:.0%} of the old one's",
        goal=f"≥ {GOAL_RATIO} ×",
        met=ratio >= GOAL_RATIO,
        measured={"p50": percentile(together, 50), "p90": percentile(together, 90)},
        baseline="each version on screens of its own, by Turner, Ly and Grünwald (2024)",
        baseline_measured={"p50": percentile(separately, 50), "p90": percentile(separately, 90)},
        ratio=ratio,
    ).tell()


def speed() -> None:
    """Tell how long the evidence after each of a thousand clicks takes."""
    made = [Click(str(number % 10), 1 + number % 2, CARDS, number % 7 < 4) for number in range(1000)]
    seen = []
    for _ in range(50):
        began = time.perf_counter()
        curve(made)
        seen.append((time.perf_counter() - began) * 1000)
    Finding(
        claim="the evidence after each of 1,000 clicks of ten people",
        goal=f"≤ {GOAL_MILLISECONDS} ms",
        met=percentile(seen, 50) <= GOAL_MILLISECONDS,
        measured={"p50_ms": percentile(seen, 50)},
    ).tell()


def waits(
    compare: Callable[[np.random.Generator], tuple[str | None, float]], right: str, comparisons: int
) -> list[float]:
    """How many screens each comparison took to the right verdict; infinitely many if it did not come to it."""
    ends = (compare(np.random.default_rng(seed)) for seed in range(comparisons))
    return [screens if found == right else math.inf for found, screens in ends]


def mixed(chance: np.random.Generator, odds: float, people: int, outside: float = 0.0) -> tuple[str | None, float]:
    """The first verdict on mixed screens, and after how many; choosing none has the weight `outside`."""
    shown = chance.integers(1, CARDS, HORIZON)
    new, cards = shown * odds, shown * odds + CARDS - shown
    chosen = np.flatnonzero(chance.random(HORIZON) * (cards + outside) < cards)
    won = chance.random(HORIZON) * cards < new
    who = chance.integers(people, size=HORIZON)
    made = [Click(str(who[screen]), int(shown[screen]), CARDS, bool(won[screen])) for screen in chosen]
    for looked_at in (made[:FIRST], made):
        for screen, evidence in zip(chosen.tolist(), curve(looked_at), strict=False):
            if found := verdict(evidence):
                return found, screen + 1
    return None, math.inf


def apart(chance: np.random.Generator, odds: float, outside: float) -> tuple[str | None, float]:
    """Whether pairs of screens, one of each version, find the new one the better, and after how many screens."""
    new, old = CARDS * odds / (CARDS * odds + outside), CARDS / (CARDS + outside)
    evidence = np.cumsum(
        sum(
            np.where(chance.random(PAIRS) < share, math.log(share / even), math.log((1 - share) / (1 - even)))
            for share, even in ((new, (new + old) / 2), (old, (new + old) / 2))
        )
    )
    ends = np.flatnonzero(evidence >= THRESHOLDS.new)
    return ("new", 2 * (float(ends[0]) + 1)) if len(ends) else (None, math.inf)


if __name__ == "__main__":
    main()
