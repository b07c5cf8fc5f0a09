"""Which of two versions people prefer, told by clicks on screens that mix their cards: a test valid at every look.

Where the versions do not differ, the cards of a screen are exchangeable, so the chosen one is of the new version with
probability new_cards / cards, whoever clicks and whatever the cards say. That is the null hypothesis, and nothing in it
is estimated. If the odds of a new card are e^t times those of an old one, that probability is

    P(t) = k e^t / (k e^t + n - k),    k = new_cards, n = cards.    (1)

The ratio of the likelihoods under P(t) and P(0), averaged over some t > 0, is a martingale that begins with 1 where the
versions do not differ, and a supermartingale where the new one is worse: an e-process (Ramdas, Grünwald, Vovk and
Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference"). The chance that it ever reaches 1/α is at
most α, so it may be looked at after each click (Ville 1939). A second e-process, over t < 0, asks whether the old
version is the better one. How the constants were chosen, and what they cost: docs/experiments/live-comparison.md.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LOG_ODDS = np.array([0.45, 0.8])
WEIGHTS = np.array([0.15, 0.85])
"""The t of (1) that are averaged over, and their weights; for "the old version is better" the t are negative."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Natural logarithms of the evidence at which there is a verdict: for the new version, and for the old one."""

    new: float
    old: float


THRESHOLDS = Thresholds(new=math.log(1 / 0.011), old=math.log(1 / 0.05))
MOST_OF_A_THRESHOLD = 0.85
"""The part of a threshold that one person's clicks count for at most, once two people have clicked."""
PRIOR_WIDTH = 0.7
"""Standard deviation of the normal prior of t by which `clicks_left` estimates the odds."""
MOST_CLICKS_LEFT = 1000
"""If more than so many clicks are missing, the versions look equal."""

_POSSIBLE = np.linspace(-3.0, 3.0, 121)


@dataclass(frozen=True, slots=True)
class Click:
    """A choice on a mixed screen: `new_cards` of its `cards` were of the new version, and whether one of them won."""

    person: str
    new_cards: int
    cards: int
    new_won: bool

    def __post_init__(self) -> None:
        """Raise ValueError if there was no card that could have won."""
        winners = self.new_cards if self.new_won else self.cards - self.new_cards
        if not 1 <= winners <= self.cards:
            raise ValueError(f"No card could have won: {self}.")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Natural logarithms of the two e-processes: that the new version is better, and that the old one is."""

    new: float
    old: float


def curve(clicks: Sequence[Click], thresholds: Thresholds = THRESHOLDS) -> list[Evidence]:
    """Return the evidence after each click, in the order of the clicks."""
    people = [click.person for click in clicks]
    new = _counted(people, mixture(clicks, LOG_ODDS, WEIGHTS), MOST_OF_A_THRESHOLD * thresholds.new)
    old = _counted(people, mixture(clicks, -LOG_ODDS, WEIGHTS), MOST_OF_A_THRESHOLD * thresholds.old)
    return [Evidence(*both) for both in zip(new.tolist(), old.tolist(), strict=True)]


def verdict(evidence: Evidence, thresholds: Thresholds = THRESHOLDS) -> Literal["new", "old"] | None:
    """Return the version that the evidence says is the better one, or None while it says neither.

    It never says both: the logarithm of the likelihood is concave in t, so it rises from 0 to one side at most.
    """
    if evidence.new >= thresholds.new:
        return "new"
    return "old" if evidence.old >= thresholds.old else None


def clicks_left(clicks: Sequence[Click], thresholds: Thresholds = THRESHOLDS) -> int | None:
    """Return about how many clicks more until a verdict if the odds are as they look, 0 after it.

    It is the median of a Brownian motion that grows as the best t averaged over would, on screens like those before.
    None before the first click, and where the versions look equal: where the posterior mean of t lies within one
    standard deviation of 0, or the median beyond `MOST_CLICKS_LEFT`.
    """
    if not clicks:
        return None
    evidence = curve(clicks, thresholds)[-1]
    if verdict(evidence, thresholds) is not None:
        return 0
    mean, deviation = _posterior(clicks)
    if abs(mean) <= deviation:
        return None
    missing = thresholds.new - evidence.new if mean > 0 else thresholds.old - evidence.old
    growth, variance = _growth(clicks, mean)

    def decided(more: int) -> float:
        return _reached(missing, growth * more, variance * more)

    left = 1 + bisect_left(range(1, MOST_CLICKS_LEFT + 1), 0.5, key=decided)
    return left if left <= MOST_CLICKS_LEFT else None


def mixture(clicks: Sequence[Click], log_odds: Array, weights: Array) -> Array:
    """Return the natural logarithm, after each click, of the ratio of likelihoods averaged over `log_odds`, (clicks,).

    The method of mixtures (Robbins 1970, "Statistical methods related to the law of the iterated logarithm").
    """
    averaged: Array = np.logaddexp.reduce(_log_ratios(clicks, log_odds).cumsum(axis=0) + np.log(weights), axis=1)
    return averaged


def _log_ratios(clicks: Sequence[Click], log_odds: Array) -> Array:
    """Return log P(t) / P(0) of what each click chose, by (1), for each t, (clicks, log odds)."""
    won = np.array([click.new_won for click in clicks], dtype=float)
    return won[:, None] * log_odds - np.log1p(_shares(clicks)[:, None] * np.expm1(log_odds))


def _shares(clicks: Sequence[Click]) -> Array:
    """Return the share of new cards on each screen, which is P(0), (clicks,)."""
    return np.array([click.new_cards / click.cards for click in clicks])


def _counted(people: Sequence[str], logs: Array, most: float) -> Array:
    """Return what counts of the logarithm of a mixture after each click, (clicks,): `most` of each person at most.

    A click multiplies the account of the person who made it by the step of the mixture, which is p(click | all clicks
    before) / p(click): what one person's clicks tell of t is used with everybody, and the product of the accounts is
    the mixture. Only one account moves at a click, and E min(account, c) ≤ min(E account, c) by Jensen's inequality, so
    the product of what counts is a supermartingale, and Ville's bound holds for it.
    """
    _, who = np.unique(people, return_inverse=True)
    steps = np.diff(logs, prepend=0.0)
    accounts = np.cumsum(np.where(who == np.arange(len(set(people)))[:, None], steps, 0.0), axis=1)
    alone = np.logical_and.accumulate(who == who[:1])
    counted: Array = np.where(alone, logs, np.minimum(accounts, most).sum(axis=0))
    return counted


def _posterior(clicks: Sequence[Click]) -> tuple[float, float]:
    """Return the posterior mean and standard deviation of t."""
    logs = _log_ratios(clicks, _POSSIBLE).sum(axis=0) - (_POSSIBLE / PRIOR_WIDTH) ** 2 / 2
    chances = np.exp(logs - logs.max())
    chances /= chances.sum()
    mean = float(chances @ _POSSIBLE)
    return mean, math.sqrt(chances @ (_POSSIBLE - mean) ** 2)


def _growth(clicks: Sequence[Click], log_odds: float) -> tuple[float, float]:
    """Return mean and variance of what a click with these odds adds to the evidence, at the best t averaged over."""
    shares, asked = _shares(clicks)[:, None], math.copysign(1.0, log_odds) * LOG_ODDS
    chances = shares * math.exp(log_odds) / (1 + shares * math.expm1(log_odds))
    if_lost = -np.log1p(shares * np.expm1(asked))
    means = (chances * asked + if_lost).mean(axis=0)
    squares = (chances * (asked + if_lost) ** 2 + (1 - chances) * if_lost**2).mean(axis=0)
    best = means.argmax()
    return float(means[best]), float(squares[best] - means[best] ** 2)


def _reached(missing: float, drift: float, variance: float) -> float:
    """Return the chance that a Brownian motion with so much drift and variance in all has passed `missing` by the end.

    The inverse Gaussian distribution (Chhikara and Folks 1989, "The inverse Gaussian distribution").
    """
    spread = math.sqrt(2 * variance)
    below = math.erfc((missing - drift) / spread)
    return (below + math.exp(2 * drift * missing / variance) * math.erfc((missing + drift) / spread)) / 2
