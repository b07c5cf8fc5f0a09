"""What people like here, in words: a head as sentences about its features, with how sure each is.

A weight alone says little where features go together (what is short has few new words, too). So a feature is told by
what changes with it in the model's own samples: of two rewrites of a text that differ in it by a usual difference, and
in everything else as such samples do, how often is the one preferred?
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from models.reward.features import NAMED, standard
from models.reward.head import Head

_LEVEL = NormalDist().inv_cdf(0.975)
_STRONGLY, _A_LITTLE = 0.70, 0.58  # of comparisons


@dataclass(frozen=True)
class Liking:
    """One thing that people like: `often` of 100 comparisons, and between which it lies with 95 % probability.

    `strength` is "strongly", "clearly", "a little" or "unclear", the last if even may lie between.
    """

    what: str
    often: float
    low: float
    high: float
    strength: str


def likings(head: Head) -> list[Liking]:
    """What a head says of each named feature, the strongest first and what is unclear last."""
    together = standard().together
    effects, spreads = together @ head.weights, np.linalg.norm(together @ head.root, axis=1)
    found = [
        _liking(number.more if effect >= 0 else number.less, abs(float(effect)), float(spread))
        for number, effect, spread in zip(NAMED, effects, spreads, strict=True)
    ]
    return sorted(found, key=lambda one: (one.strength == "unclear", -one.often))


def _liking(what: str, effect: float, spread: float) -> Liking:
    often, low, high = (100 * _share(effect + turn * _LEVEL * spread) for turn in (0, -1, 1))
    if low <= 50:
        strength = "unclear"
    elif often >= 100 * _STRONGLY:
        strength = "strongly"
    else:
        strength = "clearly" if often >= 100 * _A_LITTLE else "a little"
    return Liking(what, often, low, high, strength)


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
