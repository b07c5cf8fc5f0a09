"""What the queue serves a person of the prompts that are assigned to them, before all others.

Each process remembers for each person how far they are in each assignment, as queue_progress does for the queue: where
the first prompt stands that they have not had and that wants a judgment.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.db import AssignedPrompt, Generation, Judgment, Kept, Prompt
from app.services.prompts import queue_progress
from app.services.prompts.assigning.standing import judged_by, of_person
from app.services.prompts.queue_progress import Seen
from app.services.prompts.reservations import open_for
from app.services.prompts.studio_settings import StudioSettings

_BEGINNING = 0
_Places = dict[int, int | None]
"""By assignment, the id of the first AssignedPrompt that a person can be served; None once there is none."""


class Own(NamedTuple):
    """How many assigned prompts wait for a person, and the first day on which some of these are due."""

    waiting: int
    due: date | None


NOTHING = Own(0, None)


def next_assigned(
    session: Session, user_id: int, studio: StudioSettings, wanted: ColumnElement[bool], place: ColumnElement[bool]
) -> Prompt | None:
    """Return the first prompt that is assigned to a person, is `wanted`, and has a `place` for them.

    Assignments follow each other by the day on which they are due, and the prompts of each as they were in the queue
    when they were assigned.
    """
    for assignment_id, first in places(session, user_id, studio, wanted).items():
        if first is None:
            continue
        found: Prompt | None = session.scalar(_from(assignment_id, first).where(wanted, place).limit(1))
        if found is not None:
            return found
    return None


def places(session: Session, user_id: int, studio: StudioSettings, wanted: ColumnElement[bool]) -> _Places:
    """Return how far a person is in each of the assignments that hold for them; `wanted` is what they have not had."""
    own = of_person(session, user_id)
    if not own:
        return {}
    seen = queue_progress.look(session, studio.overlap, studio.most_skips)
    known = _kept.of(session).get(user_id)
    before: _Places = {}
    if known is not None and known[0].rules == seen.rules:
        before = known[1]
        if seen.undone != known[0].undone:
            before = _back(session, before, known[0])
    found: _Places = {}
    for one in own:
        first = before.get(one.id, _BEGINNING)
        if first is not None:
            first = session.scalar(
                _from(one.id, first).where(wanted, open_for(studio)).with_only_columns(AssignedPrompt.id).limit(1)
            )
        found[one.id] = first
    _kept.of(session)[user_id] = (seen, found)
    return found


def waiting(session: Session, user_id: int, studio: StudioSettings, conditions: ColumnElement[bool], most: int) -> Own:
    """Count the prompts assigned to a person that meet the conditions and wait for their judgment, up to `most`."""
    own = of_person(session, user_id)
    if not own:
        return NOTHING
    number, due = 0, None
    for one in own:
        rows = _from(one.id, _BEGINNING).where(conditions, open_for(studio), ~judged_by(user_id))
        some = rows.with_only_columns(AssignedPrompt.id).order_by(None).limit(most - number)
        found = session.scalar(select(func.count()).select_from(some.subquery())) or 0
        number += found
        due = due or (one.due if found else None)
        if number >= most:
            break
    return Own(number, due)


def _from(assignment_id: int, first: int) -> Select[Any]:
    """Return the prompts of an assignment from a place on, in the order in which they are served."""
    return (
        select(Prompt)
        .join(AssignedPrompt, AssignedPrompt.prompt_id == Prompt.id)
        .where(AssignedPrompt.assignment_id == assignment_id, AssignedPrompt.id >= first)
        .order_by(AssignedPrompt.id)
    )


def _back(session: Session, before: _Places, seen: Seen) -> _Places:
    """Return the places, moved back to what lost a judgment since."""
    undone = (
        select(Generation.prompt_id)
        .join(Judgment, Judgment.generation_id == Generation.id)
        .where(Judgment.undone_at >= seen.undone_after)
    )
    back = session.execute(
        select(AssignedPrompt.assignment_id, func.min(AssignedPrompt.id))
        .where(AssignedPrompt.prompt_id.in_(undone), AssignedPrompt.assignment_id.in_(before))
        .group_by(AssignedPrompt.assignment_id)
    )
    moved = dict(before)
    for assignment_id, first in back:
        place = before[assignment_id]
        moved[assignment_id] = first if place is None else min(first, place)
    return moved


_kept: Kept[dict[int, tuple[Seen, _Places]]] = Kept(dict)
