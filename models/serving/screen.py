"""What one draw comes to: the rewrites that are shown, and the others that were at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from models.reward.features import Array
from models.serving.pool import Option


@dataclass(frozen=True)
class ScoredText:
    """A rewrite and the log-probability, in nats, that the model itself (temperature 1) gives to all its tokens."""

    text: str
    log_probability: float


@dataclass(frozen=True)
class Shown(ScoredText):
    """A rewrite that is shown: its features, (SIZE,), and how probable it was that it is."""

    features: Array = field(compare=False)
    probability: float = 1.0


@dataclass(frozen=True)
class Screen:
    """The outcome of one draw: distinct candidates in a random order, and what it takes to draw them again.

    `exhausted` says that the model could not write as many different rewrites as were wanted. `pool` are the options
    that a head chose among, from which another head may choose again; empty if it cannot.
    """

    candidates: tuple[Shown, ...]
    exhausted: bool
    sampling: dict[str, Any]
    seed: int
    milliseconds: float
    pool: tuple[Option, ...] = ()
