"""Keeping the texts that versions are tested on out of everything that is built or drawn for training."""

from __future__ import annotations

import random
from collections.abc import Callable

from models.texts.heldout import is_measured

Pair = tuple[str, str]


def unmeasured(make: Callable[[random.Random], Pair], rng: random.Random) -> Pair:
    """Draw pairs until neither text of one is a text that versions are tested on, and return that pair."""
    while any(map(is_measured, pair := make(rng))):
        pass
    return pair
