"""Prompts of the studio that nobody judged: those that wait in the queue, and those that were typed."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt

_LOOKED_AT = 5000
_LONGEST = 400  # letters


def unclicked_texts(
    session: Session, most: int, leave_out: Callable[[str], bool] = lambda text: False, *wanted: ColumnElement[bool]
) -> list[str]:
    """Return up to `most` of the latest such prompts, in the order of their hashes; no attention checks.

    With `wanted`, only prompts that meet these conditions.
    """
    last = session.scalar(select(func.max(Prompt.id))) or 0
    clicked = exists(
        select(Judgment.id)
        .join(Generation, Generation.id == Judgment.generation_id)
        .where(Generation.prompt_id == Prompt.id, Judgment.undone_at.is_(None))
    )
    found = session.scalars(
        select(Prompt.text)
        .where(
            Prompt.id > last - _LOOKED_AT,
            Prompt.gold_answer.is_(None),
            func.length(Prompt.text) <= _LONGEST,
            ~clicked,
            *wanted,
        )
        .order_by(Prompt.sha256)
    )
    return [text for text in found if not leave_out(text)][:most]
