"""The training data of a run on clicks: pairs or marked texts from judgments, split into train and held-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.services.training import kto_rows, preference_rows
from app.services.training.selection import EVERYTHING, Selection
from models.formats import rows_sha256
from models.formats.files.pair_files import in_dev
from worker.training.shared.examples import MarkedText, PreferenceExample

HELD_OUT_FROM = 50
"""The least number of different prompts for a held-out part; with fewer, all are used for training."""

HELD_OUT_ONE_IN = 10

Row = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """The pairs to train on and the held-out ones; no prompt is in both."""

    train: list[PreferenceExample]
    held_out: list[PreferenceExample]


def preference_examples(
    session: Session, last_judgment_id: int, selection: Selection = EVERYTHING
) -> list[PreferenceExample]:
    """Return the pairs of every selected judgment that is not undone, up to that id, in the order of the judgments."""
    return [PreferenceExample(*row) for row in preference_rows.preference_rows(session, last_judgment_id, selection)]


def split(examples: Sequence[PreferenceExample]) -> Split:
    """Hold out the pairs of a tenth of the prompts, once there are `HELD_OUT_FROM` different ones.

    The hash of its text decides whether a prompt is held out, so it stays held out for every later version. With fewer
    prompts, or if nothing would be left to train on, nothing is held out.
    """
    few = len({example.prompt for example in examples}) < HELD_OUT_FROM
    train = [example for example in examples if few or not in_dev(example.prompt, HELD_OUT_ONE_IN)]
    if few or not train:
        return Split(list(examples), [])
    return Split(train, [example for example in examples if in_dev(example.prompt, HELD_OUT_ONE_IN)])


def pair_rows(examples: Sequence[PreferenceExample]) -> list[Row]:
    """Return the pairs as preference rows (models/formats)."""
    return [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in examples]


def pairs_as_unpaired(examples: Sequence[PreferenceExample]) -> list[Row]:
    """Return the pairs as unpaired rows: each chosen text labelled good, each rejected one bad."""
    return [
        {"prompt": one.prompt, "completion": text, "label": good}
        for one in examples
        for text, good in ((one.chosen, True), (one.rejected, False))
    ]


def marked_texts(
    session: Session, last_judgment_id: int, of: Split, selection: Selection = EVERYTHING
) -> list[MarkedText]:
    """Return the texts that the selected judgments up to that id mark good or bad.

    If `of` has a held-out part, the texts of all held-out prompts are left out.
    """
    rows = kto_rows.unpaired_rows(session, last_judgment_id, selection)
    return [MarkedText(*row) for row in rows if not (of.held_out and in_dev(row[0], HELD_OUT_ONE_IN))]


def unpaired_rows(marked: Sequence[MarkedText]) -> list[Row]:
    """Return marked texts as unpaired rows (models/formats)."""
    return [{"prompt": one.prompt, "completion": one.text, "label": one.good} for one in marked]


def unpaired_sha256(rows: Sequence[Row]) -> str:
    """Return the hash of unpaired rows for the manifest: of (prompt, text, label), in order."""
    return rows_sha256([row["prompt"], row["completion"], row["label"]] for row in rows)


def data_sha256(examples: Sequence[PreferenceExample]) -> str:
    """Return the hash of preference pairs for the manifest: of (prompt, chosen, rejected), in order."""
    return rows_sha256([one.prompt, one.chosen, one.rejected] for one in examples)
