"""The figures of the admin's first page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db import Generation, Judgment, Preference, Prompt, User, Verdict
from app.services import training_data


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
    best = case((Judgment.verdict.in_((Verdict.CHOSEN, Verdict.EDITED)), 1), else_=0)
    judged, chosen = session.execute(select(func.count(Judgment.id), func.sum(best)).where(standing)).one()
    # The few that were undone are taken off: to look at the judgment of every pair would take seconds for a million.
    undone = Preference.judgment_id.in_(select(Judgment.id).where(Judgment.undone_at.is_not(None)))
    return Counts(
        people=_count(session, User.id, User.active.is_(True)),
        queued_prompts=_count(session, Prompt.id, Prompt.queued.is_(True)),
        generations=_count(session, Generation.id),
        judgments=judged,
        chosen=chosen or 0,
        preferences=_count(session, Preference.id) - _count(session, Preference.id, undone),
        new_judgments=training_data.new_judgments(session),
    )


def _count(session: Session, key: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(key)).where(*conditions)) or 0
