"""The training data of a run on clicks of answers: conversations, and which answers to them are better.

A pair or marked text names its conversation by the first message of the user, by which prompts are split and known
again: so the turns that follow it, or another system message, are never on both sides. What is trained on is the whole
conversation, found by the judgment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt
from app.services.training import kto_rows
from app.services.training.rebuilds.readings import Reading, conditions
from models.formats import rows_sha256
from models.formats.rows import Message
from worker.job import dataset
from worker.training.shared.examples import MarkedText, PreferenceExample

Conversations = Mapping[int, list[Message]]
"""The conversation that each judgment is about, by its id."""


def conversations(session: Session, last_judgment_id: int, selection: Reading) -> Conversations:
    """Return the conversation of every judgment up to that id that is read.

    It is the system message with which its answers were drawn, if there was one, the turns before, and the last message
    of the user.
    """
    rows = session.execute(
        select(Judgment.id, Generation.sampling, Prompt.turns, Prompt.text)
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .where(*conditions(session, selection, last_judgment_id))
    )
    return {judgment: _conversation(sampling.get("system"), turns, text) for judgment, sampling, turns, text in rows}


def _conversation(system: str | None, turns: list[Message] | None, text: str) -> list[Message]:
    first = [{"role": "system", "content": system}] if system else []
    return [*first, *(turns or ()), {"role": "user", "content": text}]


def _begun_with(conversation: Sequence[Message]) -> str:
    """Return the first message of the user."""
    return next(message["content"] for message in conversation if message["role"] == "user")


def preference_examples(
    session: Session, last_judgment_id: int, selection: Reading, of: Conversations
) -> list[PreferenceExample]:
    """Return the pairs of every judgment that is read, their prompts being the first messages of the user."""
    examples = dataset.preference_examples(session, last_judgment_id, selection)
    return [replace(one, prompt=_begun_with(of[one.click])) for one in examples if one.click is not None]


def marked_texts(
    session: Session, last_judgment_id: int, split: dataset.Split, selection: Reading, of: Conversations
) -> list[MarkedText]:
    """Return the answers that the judgments mark good or bad, without those to conversations that `split` holds out."""
    rows = [MarkedText(*row) for row in kto_rows.unpaired_rows(session, last_judgment_id, selection)]
    found = [one._replace(prompt=_begun_with(of[one.judgment])) for one in rows]
    return [one for one in found if not split.holds_out(one.prompt)]


def pair_rows(examples: Sequence[PreferenceExample], of: Conversations) -> list[dataset.Row]:
    """Return the pairs as preference rows whose prompts are conversations."""
    return [
        {**row, "prompt": of[one.click or 0]} for row, one in zip(dataset.pair_rows(examples), examples, strict=True)
    ]


def unpaired_rows(marked: Sequence[MarkedText], of: Conversations) -> list[dataset.Row]:
    """Return the marked texts as unpaired rows whose prompts are conversations."""
    rows = dataset.unpaired_rows(marked)
    return [{**row, "prompt": of[one.judgment]} for row, one in zip(rows, marked, strict=True)]


def rows_hash(rows: Sequence[dataset.Row]) -> str:
    """Return the hash of rows for the manifest: of their conversations, texts and labels, in order."""
    return rows_sha256(
        [row[name] for name in ("prompt", "chosen", "rejected", "completion", "label") if name in row] for row in rows
    )
