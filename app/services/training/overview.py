"""The counts on the admin's first page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db import Verdict
from app.services.prompts import search
from app.services.system import counts as stored_counts
from app.services.training import preference_rows


@dataclass(frozen=True)
class Counts:
    """Numbers of people, prompts, screens and judgments, without undone judgments and those of attention checks.

    At most `most_counted` + 1 prompts of the queue are counted.
    """

    people: int
    queued_prompts: int
    generations: int
    judgments: int
    chosen: int
    preferences: int
    new_judgments: int
    most_counted: int = search.COUNTED


def counts(session: Session) -> Counts:
    """Count everything for the admin's first page."""
    standing = stored_counts.judgments(session)
    best = (Verdict.CHOSEN, Verdict.EDITED)
    return Counts(
        people=stored_counts.people(session),
        queued_prompts=search.count(session, search.PromptFilter()),
        generations=stored_counts.screens(session),
        judgments=stored_counts.said(standing).judgments,
        chosen=sum(count for kind, count in standing.items() if kind.verdict in best and not kind.gold),
        preferences=sum(kind.pairs * count for kind, count in standing.items()),
        new_judgments=preference_rows.new_clicks(session).judgments,
    )
