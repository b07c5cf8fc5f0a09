"""The counts on the admin's first page, and the table of all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, defer

from app.db import TrainingRun, Verdict
from app.schemas.windows import MOST, Window, in_order
from app.services.prompts import search
from app.services.system import counts as stored_counts
from app.services.training import preference_rows


@dataclass(frozen=True)
class Counts:
    """Numbers of people, prompts, screens and judgments, without undone judgments and those of attention checks.

    Pairs of judgments that a reviewer decided are not among `preferences`.

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
    counting = standing - stored_counts.decided(session)
    best = (Verdict.CHOSEN, Verdict.EDITED)
    return Counts(
        people=stored_counts.people(session),
        queued_prompts=search.count(session, search.PromptFilter()),
        generations=stored_counts.screens(session),
        judgments=stored_counts.said(standing).judgments,
        chosen=sum(count for kind, count in standing.items() if kind.verdict in best and not kind.gold),
        preferences=sum(kind.pairs * count for kind, count in counting.items()),
        new_judgments=preference_rows.new_clicks(session).judgments,
    )


def runs_window(session: Session, before: int | None = None, sort: str = "") -> Window:
    """Return the latest runs, as many as a table sorts, with the values of the column `sort`."""
    older = () if before is None else (TrainingRun.id < before,)
    value = _VALUES.get(sort, TrainingRun.id.expression).label("value")
    found = select(TrainingRun.id, value).where(*older).order_by(TrainingRun.id.desc()).limit(MOST + 1)
    rows = session.execute(found).all()
    further = {"before": str(rows[MOST - 1].id)} if len(rows) > MOST else {}
    return Window([(row.id, row.value) for row in rows[:MOST]], further)


def runs_listed(session: Session, ids: Sequence[int]) -> list[TrainingRun]:
    """Return the runs with these ids, in their order, without their logs."""
    found = select(TrainingRun).where(TrainingRun.id.in_(ids)).options(defer(TrainingRun.log))
    return in_order(ids, session.scalars(found))


_VALUES: Mapping[str, ColumnElement[Any]] = {
    "method": TrainingRun.method.expression,
    "pairs": TrainingRun.pairs.expression,
    "status": TrainingRun.status.expression,
    "version": TrainingRun.produced_version.expression,
}
"""What runs can be sorted by, beside the time, which is the order of their ids."""
