"""The assignments that hold now, and which prompts are kept for their people.

Each process remembers them until the mark of the queue changes, which it reads for every screen anyway: as long as
nothing is assigned, serving a screen takes no further query, and no condition more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, select, true
from sqlalchemy.orm import Session

from app.db import (
    AssignedPrompt,
    Assignee,
    Assignment,
    Generation,
    Judgment,
    Kept,
    Prompt,
    User,
    is_member,
    now,
    project_of,
)
from app.services.prompts import queue_progress


class Standing(NamedTuple):
    """An assignment that holds, and those of its people who may judge in the project.

    It is due on a day of UTC, or at no time, and holds up to its `last_day`, if it has one.
    """

    id: int
    due: date | None
    last_day: date | None
    people: frozenset[int]


def today() -> date:
    """Return the day by which dates of assignments are reckoned: that of UTC."""
    return now().astimezone(UTC).date()


def standing(session: Session) -> tuple[Standing, ...]:
    """Return the assignments that hold, the earliest due first and those without a date last.

    One of which nobody may judge does not hold, as long as that is so: what waits would wait for nobody.
    """
    mark, kept = queue_progress.marked(session), _kept.of(session)
    if not kept or kept[0][0] != mark:
        kept[:] = [(mark, _read(session))]
    holding = kept[0][1]
    if not holding:
        return ()
    day = today()
    return tuple(one for one in holding if one.last_day is None or one.last_day >= day)


def of_person(session: Session, user_id: int) -> list[Standing]:
    """Return those that hold for a person, in the order in which they are served."""
    return [one for one in standing(session) if user_id in one.people]


def free(session: Session) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the prompts that are kept for nobody: none if nothing is assigned."""
    holding = standing(session)
    return (~_kept_for_people(session, (one.id for one in holding)),) if holding else ()


def not_kept_from(session: Session, user_id: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the prompts that are not kept for others than a person."""
    others = [one.id for one in standing(session) if user_id not in one.people]
    return (~_kept_for_people(session, others),) if others else ()


def judged_by(user_id: Any) -> ColumnElement[bool]:
    """Tell whether the judgment of a person, or their skip, stands on the prompt of an AssignedPrompt."""
    # Found by the prompt: by the index of the people, SQLite would walk all their judgments for each prompt.
    return exists(
        select(Judgment.id)
        .join(Generation, Judgment.generation_id == Generation.id)
        .where(
            Generation.prompt_id == AssignedPrompt.prompt_id,
            ~Generation.gold,
            Judgment.user_id + 0 == user_id,
            Judgment.annotator.is_(None),
            Judgment.undone_at.is_(None),
        )
        .correlate(AssignedPrompt, Assignee)
    )


def may_judge(session: Session) -> ColumnElement[bool]:
    """Tell whether a User may sign in, and is in the session's project."""
    project = project_of(session)
    return and_(User.active, true() if project is None else is_member(project))


def people_here(session: Session) -> list[User]:
    """Return the people who may judge in the session's project, the oldest accounts first."""
    return list(session.scalars(select(User).where(may_judge(session)).order_by(User.id)))


def wanting(session: Session) -> ColumnElement[bool]:
    """Tell whether somebody who may is still to judge an AssignedPrompt; else it is everybody's again."""
    return exists(
        select(Assignee.user_id)
        .join(User, and_(User.id == Assignee.user_id, may_judge(session)))
        .where(Assignee.assignment_id == AssignedPrompt.assignment_id, ~judged_by(Assignee.user_id))
        .correlate(AssignedPrompt)
    )


def _kept_for_people(session: Session, ids: Iterable[int]) -> ColumnElement[bool]:
    """Tell whether a Prompt is kept by one of these assignments."""
    return exists(
        select(AssignedPrompt.id)
        .where(AssignedPrompt.prompt_id == Prompt.id, AssignedPrompt.assignment_id.in_(list(ids)), wanting(session))
        .correlate(Prompt)
    )


def _read(session: Session) -> tuple[Standing, ...]:
    found = session.execute(
        select(Assignment.id, Assignment.due, Assignment.returns, Assignee.user_id)
        .join(Assignee, Assignee.assignment_id == Assignment.id)
        .join(User, and_(User.id == Assignee.user_id, may_judge(session)))
        .where(Assignment.ended_at.is_(None))
        .order_by(Assignment.due.is_(None), Assignment.due, Assignment.id)
    )
    return tuple(
        Standing(number, due, due if returns else None, frozenset(person for *_, person in rows))
        for (number, due, returns), rows in groupby(found, key=lambda row: row[:3])
    )


_kept: Kept[list[tuple[Any, tuple[Standing, ...]]]] = Kept(list)
"""The latest mark of the queue, and what held then; empty at first."""
