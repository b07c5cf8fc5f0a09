"""The result of one generation: the rewrites that are shown, and the pool that they were chosen from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models.model_errors import NoLongerWanted
from models.reward.features import Array
from models.serving.pool import Option

Gone = Callable[[], bool]
"""Tells whether whoever asked for a screen no longer waits for it."""


def never() -> bool:
    """Tell that somebody waits to the end."""
    return False


def check_wanted(gone: Gone) -> None:
    """Raise NoLongerWanted if nobody waits any longer."""
    if gone():
        raise NoLongerWanted("Nobody waits for these rewrites any more.")


@dataclass(frozen=True)
class ScoredText:
    """A rewrite and its log-probability in nats, at temperature 1.

    It is that of its sampling (engine.Sample) where the text was sampled as a whole. What was joined from rewrites of
    pieces, and every card of a mixed screen, has the one that the model itself gives to all its tokens.
    """

    text: str
    log_probability: float


@dataclass(frozen=True)
class Shown(ScoredText):
    """A text that is shown: its features, (SIZE,), none for an answer, and the probability that it was chosen."""

    features: Array = field(compare=False)
    probability: float = 1.0


@dataclass(frozen=True)
class Screen:
    """The result of one generation: distinct candidates in a random order, and what is needed to sample them again.

    `exhausted` is True if the model could not write as many different rewrites as were wanted. `pool` holds the options
    that a head chose among, from which another head may choose again; empty if it cannot. Of a screen that `is_told`
    somebody has seen the cards while they were written, in their order.
    """

    candidates: tuple[Shown, ...]
    exhausted: bool
    sampling: dict[str, Any]
    seed: int
    milliseconds: float
    pool: tuple[Option, ...] = ()
    is_told: bool = False
