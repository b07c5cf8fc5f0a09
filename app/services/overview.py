"""The figures of the admin's first page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db import Generation, Judgment, Preference, Prompt, User, Verdict
from app.services import runs


@dataclass(frozen=True)
class Counts:
    """How much of everything there is; judgments that were undone do not count."""

    people: int
    queued_prompts: int
    generations: int
    judgments: int
    chosen: int
    preferences: int
    new_judgments: int


def counts(session: Session) -> Counts:
    """Count everything once."""
    standing = Judgment.undone_at.is_(None)
    return Counts(
        people=_count(session, User.id, User.active.is_(True)),
        queued_prompts=_count(session, Prompt.id, Prompt.queued.is_(True)),
        generations=_count(session, Generation.id),
        judgments=_count(session, Judgment.id, standing),
        chosen=_count(session, Judgment.id, standing, Judgment.verdict.in_((Verdict.CHOSEN, Verdict.EDITED))),
        preferences=session.scalar(select(func.count(Preference.id)).join(Judgment).where(standing)) or 0,
        new_judgments=runs.new_judgments(session),
    )


def _count(session: Session, key: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(key)).where(*conditions)) or 0
