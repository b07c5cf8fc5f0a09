"""Who wrote what: the conditions of a person's judgments, and of the prompts that they typed."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, func, select

from app.db import Generation, Judgment, Prompt

TYPED = "typed"
"""The source of prompts that were typed at the desk."""


def written_by(user_id: int) -> ColumnElement[bool]:
    """Return the condition of the judgments of a person with an account, without those that they imported of others."""
    return (Judgment.user_id == user_id) & Judgment.annotator.is_(None)


def typed_by(user_id: int) -> ColumnElement[bool]:
    """Return the condition of the prompts that a person typed at the desk: they have the first screen of it."""
    first = select(func.min(Generation.id)).where(Generation.prompt_id == Prompt.id).correlate(Prompt).scalar_subquery()
    return and_(
        Prompt.source == TYPED,
        exists(select(Generation.id).where(Generation.id == first, Generation.user_id == user_id)),
    )
