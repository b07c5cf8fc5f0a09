"""The rows of the data set of judgments: what was shown in which order, what was said of it, by whom and when."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Prompt, User, Verdict
from app.services.exchange.hub.card import MOMENT, Column
from app.services.exchange.incoming.beside import METADATA
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.prompts import metadata

_ROWS_AT_ONCE = 1_000
Row = dict[str, Any]
COLUMNS: Mapping[str, Column] = {
    "judgment": Column("string", "the identity of the judgment"),
    "prompt": Column("string", "the text to rewrite"),
    "candidates": Column("list<string>", "the rewrites that were shown, in that order"),
    "verdict": Column("string", "`chosen`, `edited`, `tie`, `none` or `skipped`"),
    "position": Column("int64", "which rewrite was chosen, counted from 1"),
    "tied": Column("list<int64>", "which rewrites are equally good"),
    "chosen": Column("string", "the text that was chosen, or written instead"),
    "person": Column("string", "who judged, under a number that means nothing elsewhere"),
    "created_at": Column(MOMENT, "when"),
    "seconds": Column("float64", "how long it took"),
    "versions": Column("list<int64>", "the versions of the model that wrote the rewrites"),
    "source": Column("string", "where the prompt comes from"),
    "reason": Column("string", "why it was skipped or flagged"),
    "flagged": Column("bool", "whether an admin should look at it"),
}
_ASKED = (
    Judgment.id,
    Judgment.client_key,
    Judgment.user_id,
    Judgment.created_at,
    Judgment.seconds,
    Judgment.verdict,
    Judgment.candidate_id,
    Judgment.tied,
    Judgment.edited_text,
    Judgment.reason,
    Judgment.flagged,
    Prompt.text.label("prompt"),
    Prompt.source,
    Prompt.metadata_,
    Candidate.id.label("card_id"),
    Candidate.text.label("card"),
    Candidate.version_number,
)


def rows(session: Session, wanted: JudgmentFilter, told: bool) -> Iterator[Row]:
    """Yield a row for each judgment, without attention checks, which tell of the person; `told` adds metadata."""
    names = _numbered(session)
    found = session.connection().execute(
        select(*_ASKED)
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .join(Candidate, Candidate.generation_id == Generation.id)
        .where(Generation.gold.is_(False), *wanted.conditions())
        .order_by(Judgment.id, Candidate.position),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    )
    for _, cards in groupby(found, key=lambda row: row.id):
        shown = list(cards)
        row = _row(shown, names[shown[0].user_id])
        yield row | {METADATA: metadata.as_text(shown[0].metadata)} if told else row


def _row(shown: Sequence[Any], person: str) -> Row:
    first = shown[0]
    positions = {card.card_id: position for position, card in enumerate(shown, start=1)}
    chosen = positions.get(first.candidate_id) if first.verdict == Verdict.CHOSEN else None
    tied = [positions[number] for number in first.tied or positions] if first.verdict == Verdict.TIE else []
    return {
        "judgment": first.client_key or f"judgment-{first.id}",
        "prompt": first.prompt,
        "candidates": [card.card for card in shown],
        "verdict": first.verdict,
        "position": chosen,
        "tied": tied,
        "chosen": shown[chosen - 1].card if chosen else first.edited_text,
        "person": person,
        "created_at": first.created_at,
        "seconds": first.seconds,
        "versions": [card.version_number for card in shown],
        "source": first.source,
        "reason": first.reason,
        "flagged": first.flagged,
    }


def _numbered(session: Session) -> dict[int, str]:
    """A name for each person, drawn anew each time, so that nobody finds out who it is."""
    people = list(session.scalars(select(User.id)))
    random.SystemRandom().shuffle(people)
    return {one: f"person-{number}" for number, one in enumerate(people, start=1)}
