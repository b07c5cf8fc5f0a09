"""Judgments → what a method learns from, most of it to train on and some to test with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.services.training import kto_rows, preference_rows
from app.services.training.selection import EVERYTHING, Selection
from models.formats import rows_sha256
from models.formats.files.pair_files import in_dev
from worker.training.shared.examples import PreferenceExample

HELD_OUT_FROM = 50
"""Different prompts from which on some are held out; with fewer, every click is needed for training."""

HELD_OUT_ONE_IN = 10

Row = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """The examples to train on, and those to test with; no prompt is on both sides."""

    train: list[PreferenceExample]
    held_out: list[PreferenceExample]


def preference_examples(
    session: Session, last_judgment_id: int, selection: Selection = EVERYTHING
) -> list[PreferenceExample]:
    """The examples of every chosen standing judgment up to that one, in the order they were made."""
    return [PreferenceExample(*row) for row in preference_rows.preference_rows(session, last_judgment_id, selection)]


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


def pair_rows(examples: Sequence[PreferenceExample]) -> list[Row]:
    """The examples as preference rows (models/formats)."""
    return [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in examples]


def pairs_as_unpaired(examples: Sequence[PreferenceExample]) -> list[Row]:
    """The examples as unpaired rows: of each the chosen text is good and the other bad."""
    return [
        {"prompt": one.prompt, "completion": text, "label": good}
        for one in examples
        for text, good in ((one.chosen, True), (one.rejected, False))
    ]


def unpaired_rows(session: Session, last_judgment_id: int, of: Split, selection: Selection = EVERYTHING) -> list[Row]:
    """The texts that chosen standing judgments up to that one mark good or bad, as unpaired rows (models/formats).

    Where `of` holds clicks out, the texts of every prompt that is to be held out are left out.
    """
    rows = kto_rows.unpaired_rows(session, last_judgment_id, selection)
    return [
        {"prompt": prompt, "completion": text, "label": good}
        for prompt, text, good in rows
        if not (of.held_out and in_dev(prompt, HELD_OUT_ONE_IN))
    ]


def unpaired_sha256(rows: Sequence[Row]) -> str:
    """The hash that a manifest keeps of unpaired rows: of (prompt, text, label), in order."""
    return rows_sha256([row["prompt"], row["completion"], row["label"]] for row in rows)


def data_sha256(examples: Sequence[PreferenceExample]) -> str:
    """The hash that a manifest keeps of what a version was trained on: of (prompt, chosen, rejected), in order."""
    return rows_sha256([one.prompt, one.chosen, one.rejected] for one in examples)
