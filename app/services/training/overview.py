"""The counts on the admin's first page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db import Prompt, User, Verdict
from app.services.system import counts as stored_counts
from app.services.training import preference_rows


@dataclass(frozen=True)
class Counts:
    """Numbers of people, prompts, screens and judgments; judgments that were undone do not count."""

    people: int
    queued_prompts: int
    generations: int
    judgments: int
    chosen: int
    preferences: int
    new_judgments: int


def counts(session: Session) -> Counts:
    """Count everything for the admin's first page."""
    standing = stored_counts.judgments(session)
    best = (Verdict.CHOSEN, Verdict.EDITED)
    return Counts(
        people=_count(session, User.id, User.active.is_(True)),
        queued_prompts=_count(session, Prompt.id, Prompt.queued.is_(True)),
        generations=stored_counts.screens(session),
        judgments=standing.total(),
        chosen=sum(count for kind, count in standing.items() if kind.verdict in best),
        preferences=sum(kind.pairs * count for kind, count in standing.items()),
        new_judgments=preference_rows.new_judgments(session),
    )


def _count(session: Session, key: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(key)).where(*conditions)) or 0
