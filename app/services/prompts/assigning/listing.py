"""The list of assignments: for whom, how many prompts, how many of them done, and where each stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Assignment, PeopleGroup, User
from app.schemas.kinds import Limit, RowId, YesNo
from app.schemas.reading import Sent
from app.services.prompts.assigning import assignments, standing
from app.words import N_

PAGE = 50
STATES = {
    "running": N_("running"),
    "overdue": N_("overdue"),
    "waiting": N_("nobody may sign in"),
    "done": N_("done"),
    "withdrawn": N_("withdrawn"),
    "over": N_("its date is over"),
}


class AssignmentsQuery(Sent, frozen=True):
    """A page of the assignments."""

    ended: Annotated[YesNo, Meta(description="Those that have ended; else those that have not.")] = "no"
    limit: Limit | None = None
    before: Annotated[RowId, Meta(description="Only ids below it.")] | None = None


class Row(NamedTuple):
    """An assignment, the name of the person or group, how many prompts it has, how many are done, and its state."""

    assignment: Assignment
    name: str
    prompts: int
    done: int
    state: str

    @property
    def left(self) -> int:
        """Return how many prompts are still to be judged."""
        return self.prompts - self.done


class Page(NamedTuple):
    """Rows, the newest first, and the id before which the next page begins; None if there is none."""

    rows: list[Row]
    before: int | None


def page(session: Session, query: AssignmentsQuery) -> Page:
    """Return the assignments that have ended, or those that have not."""
    size = query.limit or PAGE
    found = select(Assignment).order_by(Assignment.id.desc()).limit(size + 1)
    ended = query.ended == "yes"
    found = found.where(Assignment.ended_at.is_not(None) if ended else Assignment.ended_at.is_(None))
    if query.before is not None:
        found = found.where(Assignment.id < query.before)
    some = session.scalars(found).all()
    return Page(rows(session, some[:size]), some[size - 1].id if len(some) > size else None)


def rows(session: Session, some: Sequence[Assignment]) -> list[Row]:
    """Return assignments with their numbers, in their order."""
    live = assignments.counts(session, [one.id for one in some if one.ended_at is None])
    holding = {one.id for one in standing.standing(session)}
    users = select(User.id, User.name, User.email).where(User.id.in_([one.user_id for one in some]))
    people = {number: name or email for number, name, email in session.execute(users)}
    named = select(PeopleGroup.id, PeopleGroup.name).where(PeopleGroup.id.in_([one.group_id for one in some]))
    groups: dict[int, str] = dict(session.execute(named).all())
    shown = []
    for one in some:
        name = groups[one.group_id] if one.group_id is not None else people.get(one.user_id or 0, "")
        prompts, left = live.get(one.id, (0, 0))
        if one.ended_at is not None:
            prompts, left = one.prompts or 0, (one.prompts or 0) - (one.done or 0)
        shown.append(Row(one, name, prompts, prompts - left, _state(one, left, one.id in holding)))
    return shown


def own(session: Session, user_id: int) -> list[Row]:
    """Return what is assigned to a person and not done, in the order in which it is served."""
    ids = [one.id for one in standing.of_person(session, user_id)]
    found = {one.id: one for one in session.scalars(select(Assignment).where(Assignment.id.in_(ids)))} if ids else {}
    return [row for row in rows(session, [found[number] for number in ids if number in found]) if row.left]


def _state(one: Assignment, left: int, holds: bool) -> str:
    if one.ending is not None:
        return str(one.ending)
    if not left:
        return "done"
    late = one.due is not None and one.due < standing.today()
    if late and one.returns:
        return "over"
    if not holds:
        return "waiting"
    return "overdue" if late else "running"
