"""Which odds the test of two versions should ask about, each choice at the threshold that errs as often as the others.

    python -m benchmarks.experiments.stakes [--clicks 500]

One person judges three cards, two of one version and one of the other by a fair coin, and looks at the evidence after
each click. How likely a verdict is at each click is not simulated but added up over all that can have happened: so many
screens with one new card, and so many wins of the new version. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.sequential import LOG_ODDS, THRESHOLDS, WEIGHTS, Array

Counts = npt.NDArray[np.int_]

FALSE = 0.0094
GRID = np.linspace(0.1, 2.5, 13)
NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class Stakes:
    """The log-odds that are asked about, and what part of the stake is laid on each."""

    log_odds: Array
    weights: Array

    def evidence(self, wins: Counts, one_new: Counts, two_new: Counts) -> Array:
        """The evidence for the new version after so many of its wins on so many screens with one and two new cards."""
        logs = [
            wins * t
            - one_new * math.log1p(math.expm1(t) / 3)
            - two_new * math.log1p(math.expm1(t) * 2 / 3)
            + math.log(w)
            for t, w in zip(self.log_odds, self.weights, strict=True)
        ]
        evidence: Array = np.logaddexp.reduce(logs)
        return evidence


def half_normal(width: float) -> Stakes:
    """Stakes by a normal distribution of t of that width, cut off at 0."""
    weights = np.exp(-((GRID / width) ** 2) / 2)
    return Stakes(GRID, weights / weights.sum())


CHOICES: Mapping[str, Stakes] = {
    "half-normal, width 0.6": half_normal(0.6),
    "half-normal, width 0.8": half_normal(0.8),
    "0.69 alone": Stakes(np.array([math.log(2)]), np.ones(1)),
    "0.35 and 0.8, 1 : 3": Stakes(np.array([0.35, 0.8]), np.array([0.25, 0.75])),
    "0.45 and 0.9, 1 : 3": Stakes(np.array([0.45, 0.9]), np.array([0.25, 0.75])),
    "as it is": Stakes(LOG_ODDS, WEIGHTS),
}


def main() -> None:
    """Compute and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=500)
    clicks = parser.parse_args().clicks
    print("| t | 1 / threshold | odds 2, median | 90 % | odds 3, median | odds 1.5, found |")
    print("| --- " * 6 + "|")
    for name, stakes in CHOICES.items():
        fixed = threshold(stakes, clicks)
        two, three, half_more = (found(stakes, fixed, odds, clicks) for odds in (2.0, 3.0, 1.5))
        cells = (
            name,
            f"{math.exp(-fixed):.4f}",
            str(quantile(two, 0.5)),
            str(quantile(two, 0.9)),
            str(quantile(three, 0.5)),
            f"{sum(half_more):.3f}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


def threshold(stakes: Stakes, clicks: int) -> float:
    """The threshold at which equal versions lead to a promotion in `FALSE` of the comparisons, by the secant method."""
    low, high = math.log(1 / 0.02), math.log(1 / 0.01)
    errors = [math.log(sum(found(stakes, at, 1.0, clicks)) / FALSE) for at in (low, high)]
    return low - errors[0] * (high - low) / (errors[1] - errors[0])


def found(stakes: Stakes, fixed: float, odds: float, clicks: int) -> list[float]:
    """How likely the new version is found the better one at each click."""
    one, two = odds / (odds + 2), 2 * odds / (2 * odds + 1)
    chances = np.ones((1, 1))  # by the number of screens with one new card, and of wins
    ends = []
    for number in range(1, clicks + 1):
        grown = np.zeros((number + 1, number + 1))
        grown[1:, 1:] += one / 2 * chances
        grown[1:, :-1] += (1 - one) / 2 * chances
        grown[:-1, 1:] += two / 2 * chances
        grown[:-1, :-1] += (1 - two) / 2 * chances
        one_new, wins = np.nonzero(grown > NEGLIGIBLE)
        new = stakes.evidence(wins, one_new, number - one_new) >= fixed
        old = stakes.evidence(number - wins, number - one_new, one_new) >= THRESHOLDS.old
        ends.append(float(grown[one_new, wins][new].sum()))
        grown[one_new, wins] *= ~(new | old)
        chances = grown
    return ends


def quantile(ends: Sequence[float], part: float) -> int | None:
    """The click by which so many comparisons have ended rightly, None if not so many do."""
    reached = np.flatnonzero(np.cumsum(ends) >= part)
    return int(reached[0]) + 1 if len(reached) else None


if __name__ == "__main__":
    main()
