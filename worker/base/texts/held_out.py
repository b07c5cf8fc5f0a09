"""Keeping the texts that versions are tested on out of everything that is built or drawn for training."""

from __future__ import annotations

import random
from collections.abc import Callable

from models.formats.splitting import split_key
from worker.training.shared.pairs import measured_wordings

Pair = tuple[str, str]


def is_measured(text: str) -> bool:
    """Return whether versions are tested on a text of this wording."""
    return split_key(text) in measured_wordings()


def unmeasured(make: Callable[[random.Random], Pair], rng: random.Random) -> Pair:
    """Draw pairs until neither text of one is a text that versions are tested on, and return that pair."""
    while any(map(is_measured, pair := make(rng))):
        pass
    return pair
