"""Keeping the texts that versions are tested on, or looked at with, out of all that is built or drawn for training."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from models.formats.splitting import split_key
from models.texts.heldout import heldout_pairs, measured_wordings
from worker.base.texts.handmade import handmade_inputs, handmade_wordings

Pair = tuple[str, str]


def held_out_texts() -> list[str]:
    """Return the texts that every version is tested on, and those written by hand to look at checkpoints with."""
    return [*(text for pair in heldout_pairs() for text in pair), *(one.text for one in handmade_inputs())]


def held_out_wordings(dev: Iterable[Pair] = ()) -> set[str]:
    """Return the wordings of `held_out_texts`, and of the pairs of a dev split."""
    return {*measured_wordings(), *handmade_wordings(), *(split_key(text) for pair in dev for text in pair)}


def is_held_out(text: str) -> bool:
    """Return whether a text has the wording of one that is held out."""
    return split_key(text) in measured_wordings() or split_key(text) in handmade_wordings()


def unmeasured(make: Callable[[random.Random], Pair], rng: random.Random) -> Pair:
    """Draw pairs until neither text of one is held out, and return that pair."""
    while any(map(is_held_out, pair := make(rng))):
        pass
    return pair
