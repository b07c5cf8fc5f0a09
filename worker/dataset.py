"""Judgments → preference examples, most to train on and some to test with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.services import runs
from models.pair_files import in_dev
from worker.training.examples import PreferenceExample

HELD_OUT_FROM = 50
"""Different prompts from which on some are held out; with fewer, every click is needed for training."""

HELD_OUT_ONE_IN = 10


@dataclass(frozen=True)
class Split:
    """The examples to train on, and those to test with; no prompt is on both sides."""

    train: list[PreferenceExample]
    held_out: list[PreferenceExample]


def preference_examples(session: Session, last_judgment_id: int) -> list[PreferenceExample]:
    """The examples of every standing judgment up to that one, in the order they were made."""
    return [PreferenceExample(*row) for row in runs.preference_rows(session, last_judgment_id)]


def split(examples: Sequence[PreferenceExample]) -> Split:
    """Hold out the clicks on a tenth of the prompts, once there are `HELD_OUT_FROM` different ones.

    A prompt is chosen by the hash of its text, so that it stays held out for every later version. With fewer prompts,
    or if the tenth should hold everything, nothing is held out.
    """
    few = len({example.prompt for example in examples}) < HELD_OUT_FROM
    train = [example for example in examples if few or not in_dev(example.prompt, HELD_OUT_ONE_IN)]
    if few or not train:
        return Split(list(examples), [])
    return Split(train, [example for example in examples if in_dev(example.prompt, HELD_OUT_ONE_IN)])


def data_sha256(examples: Sequence[PreferenceExample]) -> str:
    """The hash that a manifest keeps of what a version was trained on: of the examples as JSON Lines, in order."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps([example.prompt, example.chosen, example.rejected]).encode() + b"\n")
    return digest.hexdigest()
