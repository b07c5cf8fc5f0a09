"""Which of two versions people prefer, told by clicks on screens that mix their cards: a test that is valid at every look.

Where the versions do not differ, the cards of a screen are exchangeable, so the chosen one is of the new version with
probability new_cards / cards, whoever clicks and whatever is on the cards: the null hypothesis, in which nothing is
estimated. If the odds of a new card are e^t times those of an old one, the probability is that of equation (1):

    P(t) = k e^t / (k e^t + n - k),    k = new_cards, n = cards.

The likelihood ratio of P(t) to P(0), averaged over some t > 0, is a nonnegative martingale that begins with 1 where the
versions do not differ, and a supermartingale where the new one is worse: an e-process (Ramdas et al. 2023, "Game-theoretic
statistics and safe anytime-valid inference", section 3). It reaches 1/α with probability α at most, however often one looks
(Ville 1939). A second one, over t < 0, asks whether the old version is the better.

**People.** Each click multiplies the account of the person who made it by what it says after everybody's clicks before
it, p(click | clicks before) / p(click). The product of all accounts is the ratio of the mixture itself, so nothing is
lost to there being many people. Of each account at most `MOST_OF_ONE_PERSON` counts once two people have clicked: min(·, c) is
concave, so by Jensen's inequality what counts stays a supermartingale, and one person alone decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LOG_ODDS = np.array([0.4, 0.8])
WEIGHTS = np.array([0.25, 0.75])
"""The t that are asked about, and how much of the stake is laid on each: measured, see docs/experiments/live-comparison.md."""
THRESHOLD_NEW = math.log(1 / 0.0112)
THRESHOLD_OLD = math.log(1 / 0.05)
"""Natural logarithms of what the evidence must reach for a verdict."""


@dataclass(frozen=True)
class Click:
    """A choice on a mixed screen: `new_cards` of its `cards` were of the new version, and whether one of them won."""

    person: str
    new_cards: int
    cards: int
    new_won: bool


@dataclass(frozen=True)
class Evidence:
    """Natural logarithms of the two e-processes: that the new version is better, and that the old one is."""

    new: float
    old: float


def curve(clicks: Sequence[Click]) -> list[Evidence]:
    """Return the evidence after each click, in the order of the clicks."""
    raise NotImplementedError


def verdict(evidence: Evidence) -> Literal["new", "old"] | None:
    """Return which version the evidence has decided for, or None if it has not."""
    raise NotImplementedError


def clicks_left(clicks: Sequence[Click]) -> int | None:
    """Return about how many clicks more will decide if the odds are as they look, or None if they look equal."""
    raise NotImplementedError
