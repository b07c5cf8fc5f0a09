"""The training data of a run on clicks: pairs or marked texts from judgments, split into train and held-out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt
from app.services.training import kto_rows, preference_rows
from app.services.training.rebuilds.readings import Reading
from app.services.training.selection import EVERYTHING
from models.formats import rows_sha256
from models.formats.splitting import held_out_keys, split_key
from models.store.store import CheckpointStore
from models.store.trained_on import TrainedOn
from models.texts.heldout import HELD_OUT_ONE_IN, measured_wordings
from worker.training.shared.examples import WEIGHT, MarkedText, PreferenceExample

Row = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """The pairs to train on and the held-out ones; no wording of a prompt is in both.

    `keys` are the wordings that are held out, together with one in `one_in` of those that have no pair.
    """

    train: list[PreferenceExample]
    held_out: list[PreferenceExample]
    keys: frozenset[str] = frozenset()
    one_in: int = 0

    def holds_out(self, prompt: str) -> bool:
        """Return whether nothing may be trained on this prompt."""
        return split_key(prompt) in self.keys or bool(held_out_keys([prompt], self.one_in))


def preference_examples(
    session: Session, last_judgment_id: int, selection: Reading = EVERYTHING
) -> list[PreferenceExample]:
    """Return the pairs of every selected judgment that is not undone, up to that id, in the order of the judgments."""
    return [PreferenceExample(*row) for row in preference_rows.preference_rows(session, last_judgment_id, selection)]


def split(examples: Sequence[PreferenceExample]) -> Split:
    """Hold out the pairs of about a tenth of the wordings, from the first click on.

    A hash decides (models/formats/splitting.py), so that a prompt that is held out stays held out for every later
    version. So are the prompts that every version is tested on. If nothing would be left to train on, nothing is held
    out.
    """
    prompts = dict.fromkeys(example.prompt for example in examples)
    keys = held_out_keys(prompts, HELD_OUT_ONE_IN) | measured_wordings()
    sides: tuple[list[PreferenceExample], list[PreferenceExample]] = ([], [])
    for example in examples:
        sides[split_key(example.prompt) in keys].append(example)
    train, held_out = sides
    return Split(train, held_out, keys, HELD_OUT_ONE_IN) if train else Split(held_out, [])


def trained_on(session: Session, store: CheckpointStore, parent: int) -> TrainedOn:
    """Return what a version and its ancestors were trained on; raises VersionMissing or VersionDamaged.

    A version without a record was made by an earlier release. Then every prompt that was judged before it was made
    counts, since that release held out others or none.
    """
    record = TrainedOn.read(store.folder(parent))
    if record is not None:
        return record
    made = datetime.fromisoformat(store.manifest(parent).created_at)
    judged = select(Prompt.text).join(Generation).join(Judgment).where(Judgment.created_at <= made).distinct()
    return TrainedOn().including(session.scalars(judged))


def without_known(
    held_out: Sequence[PreferenceExample], known: TrainedOn, parent: int, log: Callable[[str], None]
) -> list[PreferenceExample]:
    """Return the held-out pairs of prompts that the parent was not trained on, and log how many there are."""
    seen = known.knows([example.prompt for example in held_out])
    tests = [example for example, is_known in zip(held_out, seen, strict=True) if not is_known]
    if held_out:
        log(f"Pairs held out of training: {len(held_out)}. The version is tested with {len(tests)} of them.")
    if len(tests) < len(held_out):
        log(
            f"The prompts of the other {len(held_out) - len(tests)} were trained on by version {parent} or one it "
            "comes from, so they test nothing."
        )
    return tests


def pair_rows(examples: Sequence[PreferenceExample]) -> list[Row]:
    """Return the pairs as preference rows (models/formats), with the weights of those that weigh other than 1."""
    return [
        {"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected, **_weight(one.weight)}
        for one in examples
    ]


def pairs_as_unpaired(examples: Sequence[PreferenceExample]) -> list[Row]:
    """Return the pairs as unpaired rows: each chosen text labelled good, each rejected one bad."""
    return [
        {"prompt": one.prompt, "completion": text, "label": good}
        for one in examples
        for text, good in ((one.chosen, True), (one.rejected, False))
    ]


def marked_texts(
    session: Session, last_judgment_id: int, of: Split, selection: Reading = EVERYTHING
) -> list[MarkedText]:
    """Return the texts that the selected judgments up to that id mark good or bad.

    Those of prompts that `of` holds out are left out.
    """
    rows = kto_rows.unpaired_rows(session, last_judgment_id, selection)
    return [MarkedText(*row) for row in rows if not of.holds_out(row[0])]


def unpaired_rows(marked: Sequence[MarkedText]) -> list[Row]:
    """Return marked texts as unpaired rows (models/formats), with the weights of those that weigh other than 1."""
    return [{"prompt": one.prompt, "completion": one.text, "label": one.good, **_weight(one.weight)} for one in marked]


def _weight(weight: float) -> Row:
    return {} if weight == 1.0 else {WEIGHT: weight}


def unpaired_sha256(rows: Sequence[Row]) -> str:
    """Return the hash of unpaired rows for the manifest: of (prompt, text, label), in order."""
    return rows_sha256([row["prompt"], row["completion"], row["label"]] for row in rows)


def data_sha256(examples: Sequence[PreferenceExample]) -> str:
    """Return the hash of preference pairs for the manifest: of (prompt, chosen, rejected), in order."""
    return rows_sha256([one.prompt, one.chosen, one.rejected] for one in examples)
