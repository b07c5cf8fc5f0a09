"""A forecast of how often what is shown after a retraining will be preferred to what the live version shows by itself.

**What is modelled.** The reward head chooses which samples are shown. How far that moves what is shown towards what
people like is the product of two things. One is the correlation of the head's utilities with what people choose: of
each click the utility of the chosen card, standardised within its screen, by a posterior that was fitted without that
click, over what it would be if the head were always right. Clicks at random have a mean of zero there, however much the
head has fitted to them, so for them the forecast is about one half. The other is how far a choice among samples can
move what is shown, in usual differences between two cards: a constant, measured on simulated people
(benchmarks/forecast.py), in so far as the head's posterior is sure of its utilities, and less where it likes what keeps
the meaning, because quality alone chooses that already. Two such gains are compared, that of the head of now and that
of the head that the live version came with; the normal distribution function of their difference is the win rate. A
retraining teaches the T5 the same, which multiplies the gain by a scale: its prior is what was measured
(docs/experiments/learning.md), and every past run of the studio, forecast and then measured, moves it.

**What is not modelled.** Nothing is drawn from the T5 and no text is compared, so that it takes milliseconds: all
texts gain alike, and a taste that no feature names gains nothing. Only clicks that choose one card count; what people
wrote and ties are learned from and not counted. That more clicks make the head better is not promised: they narrow the
interval around what is forecast now.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np

from models.reward.features import NAMED, SIZE, Array
from models.reward.head import Head
from models.reward.judgments import JudgedScreen, choices
from models.reward.posterior import Posterior

LEAST = 10
"""With fewer clicks nothing is forecast."""
LATEST = 500
"""Number of the latest judgments that are read."""

_REACH, _REACH_ERROR = 1.5, 0.15
"""How far a sure choice moves what is shown, in usual differences between two cards, and its relative error."""
_ALREADY = 0.6
"""The share of the reach that is lost if people like nothing but what keeps the meaning."""
_MORE_ERROR = 1.4
"""Left-out predictions that rest on the same clicks err together: by so much more than independent ones."""
_UNSEEN_CLICKS = 2.0
"""So many clicks that agree neither more nor less are added to the variance, so that a few equal ones do not end it."""
_LEAST_ERROR = 0.02
_MEANING = [number.name for number in NAMED].index("meaning")
_NORMAL = NormalDist()
_WIDTH = _NORMAL.inv_cdf(0.95)


@dataclass(frozen=True)
class Gain:
    """The gain of what is shown, in usual differences between two cards, from so many clicks.

    `error` is its standard deviation that more clicks would narrow, `reach_error` that of how far a choice moves what
    is shown.
    """

    value: float
    error: float
    reach_error: float
    clicks: int


@dataclass(frozen=True)
class Scale:
    """What a gain of the head alone is multiplied by: mean and standard deviation."""

    mean: float
    error: float


HEAD_ALONE = Scale(1.0, 0.0)
"""For what the head shows without any training."""
RETRAINED = Scale(1.15, 0.3)
"""For what is shown after a retraining, before the studio has had any."""


@dataclass(frozen=True)
class Past:
    """A past run: the gain that was forecast, and the win rate of its version as measured, with its 95 % interval."""

    gain: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """A forecast win rate, in 0 … 1, with its 90 % interval, from `clicks`; `gain` is that of the head alone."""

    value: float
    low: float
    high: float
    clicks: int
    gain: float

    def as_dict(self) -> dict[str, float]:
        """Return every number by its name."""
        return asdict(self)


def gain(
    judged: Sequence[JudgedScreen], widths: Sequence[float], before: Head | None = None, since: int = 0
) -> Gain | None:
    """Return the gain of a head fitted to judgments over the one `before`, which knew those before the place `since`.

    None stands for a version without a head. Returns None if fewer than LEAST clicks since then choose one card.
    """
    asked = [place for place in range(since, len(judged)) if is_counted(judged[place])]
    if len(asked) < LEAST:
        return None
    posterior = Posterior(choices(judged, ranked=True), widths)
    unseen = posterior.left_out_utilities(slice(-len(judged), None))
    screens = [judged[place] for place in asked]
    ours = [unseen[place, : len(judged[place].cards)] for place in asked]
    gained = _reach(screens, posterior.theta[:SIZE], posterior.root()[:SIZE]) * _agreement(ours)
    if before is not None:
        theirs = [_chosen_first(one, before.utilities(np.array(one.cards))) for one in screens]
        gained -= _reach(screens, before.weights, before.root) * _agreement(theirs)
    weights = np.array([one.weight for one in screens])
    number = weights.sum() ** 2 / (weights**2).sum()
    value = float(np.average(gained, weights=weights))
    spread = np.average((gained - value) ** 2, weights=weights) * number + _UNSEEN_CLICKS * _REACH**2
    error = _MORE_ERROR * math.sqrt(spread / (number + _UNSEEN_CLICKS) / number)
    return Gain(value, error, _REACH_ERROR * abs(value), len(asked))


def is_counted(one: JudgedScreen) -> bool:
    """Return whether a judgment chooses one of several cards, and does not count for nothing."""
    return one.written is None and len(one.chosen) == 1 and len(one.cards) > 1 and one.weight > 0


def scale(past: Sequence[Past]) -> Scale:
    """Return the scale that past runs make probable: a normal prior, and each run's ratio by its precision."""
    precision = RETRAINED.error**-2
    total = precision * RETRAINED.mean
    for one in past:
        value, low, high = (_gain_of(rate) for rate in (one.value, one.low, one.high))
        error = max((high - low) / (2 * _NORMAL.inv_cdf(0.975)), _LEAST_ERROR)
        precision += (one.gain / error) ** 2
        total += one.gain * value / error**2
    return Scale(total / precision, precision**-0.5)


def forecast(found: Gain, by: Scale, more: int = 0) -> Forecast:
    """Return the forecast win rate for a gain; with `more` clicks, what it would be if they said what these say."""
    error = found.error * math.sqrt(found.clicks / (found.clicks + more))
    own = math.hypot(error, found.reach_error)
    spread = math.sqrt((by.mean * own) ** 2 + (found.value * by.error) ** 2 + (own * by.error) ** 2)
    middle = by.mean * found.value
    value, low, high = (_NORMAL.cdf((middle + far * spread) / math.sqrt(2)) for far in (0, -_WIDTH, _WIDTH))
    return Forecast(value, low, high, found.clicks + more, found.value)


def _gain_of(rate: float) -> float:
    """Return the gain of a win rate."""
    return math.sqrt(2) * _NORMAL.inv_cdf(min(max(rate, 0.01), 0.99))


def _agreement(utilities: Sequence[Array]) -> Array:
    """Return how well clicks agree with utilities of their cards, the chosen one first; the mean is one if always."""
    return np.array([(one[0] - one.mean()) / ((one.std() or 1.0) * _of_the_best(len(one))) for one in utilities])


@functools.cache
def _of_the_best(cards: int) -> float:
    """Return the mean of the greatest of so many standardised normal numbers."""
    drawn = np.random.default_rng(0).standard_normal((20_000, cards))
    drawn -= drawn.mean(1, keepdims=True)
    return float((drawn.max(1) / drawn.std(1)).mean())


def _chosen_first(one: JudgedScreen, utilities: Array) -> Array:
    chosen = one.chosen[0]
    return np.concatenate([utilities[chosen : chosen + 1], np.delete(utilities, chosen)])


def _reach(screens: Sequence[JudgedScreen], weights: Array, root: Array) -> float:
    """Return how far a choice by a posterior moves what is shown, in usual differences between two cards.

    `weights` are its mean, (SIZE,), `root` a root of its covariance, (SIZE, WIDTH).
    """
    cards = np.concatenate([np.array(one.cards) - np.mean(one.cards, axis=0) for one in screens])
    liked, meant = cards @ weights, cards[:, _MEANING]
    unsure = np.linalg.norm(cards @ root, axis=1)
    sure = math.sqrt(float(np.mean((liked / np.where(unsure > 0, unsure, np.inf)) ** 2)))
    size = math.sqrt(float(liked @ liked) * float(meant @ meant))
    already = max(0.0, float(liked @ meant) / size) if size else 0.0
    return _REACH * min(1.0, sure) * (1 - _ALREADY * already)
