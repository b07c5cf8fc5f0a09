"""A reward head in words: how often each named feature is preferred, and how sure that is.

A weight alone says little where features are correlated (short texts have few new words, too). So a feature is
described by the total effect of a usual difference in it among the model's own samples: of two rewrites of a text that
differ in it by a usual difference, and in all else as such samples do, how often is the one preferred?
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from app.words import N_, gettext
from models.reward.features import NAMED, standard
from models.reward.head import Head

_LEVEL = NormalDist().inv_cdf(0.975)
_STRONGLY, _A_LITTLE = 0.70, 0.58  # of comparisons


@dataclass(frozen=True)
class Liking:
    """One feature in words: preferred in `often` of 100 comparisons, with its 95 % interval `low` to `high`.

    `strength` is "strongly", "clearly", "a little" or "unclear", the last if the interval includes 50.
    """

    what: str
    often: float
    low: float
    high: float
    strength: str


def likings(head: Head) -> list[Liking]:
    """Return every named feature with how often it is preferred, the strongest first, unclear ones last."""
    together = standard().together
    effects, spreads = together @ head.weights, np.linalg.norm(together @ head.root, axis=1)
    found = [
        _liking(gettext(number.more if effect >= 0 else number.less), abs(float(effect)), float(spread))
        for number, effect, spread in zip(NAMED, effects, spreads, strict=True)
    ]
    return sorted(found, key=lambda one: (one.strength == "unclear", -one.often))


def _liking(what: str, effect: float, spread: float) -> Liking:
    often, low, high = (100 * _share(effect + turn * _LEVEL * spread) for turn in (0, -1, 1))
    if low <= 50:
        strength = N_("unclear")
    elif often >= 100 * _STRONGLY:
        strength = N_("strongly")
    else:
        strength = N_("clearly") if often >= 100 * _A_LITTLE else N_("a little")
    return Liking(what, often, low, high, strength)


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
