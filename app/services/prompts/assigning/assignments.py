"""Assignments: an admin says who is to judge which prompts of the queue first, and until when.

An assignment holds until its prompts are done, an admin withdraws it, or, if it was made so, its date is over. Then its
prompts are everybody's again. The rows that say which prompts it has go with its end, and the numbers stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from app.db import (
    AssignedPrompt,
    Assignee,
    Assignment,
    AssignmentEnd,
    GroupMember,
    PeopleGroup,
    Prompt,
    Turn,
    User,
    now,
    one_at_a_time,
    project_ids,
    within,
    write_transaction,
)
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.prompts import queue_progress, studio_settings
from app.services.prompts.assigning.standing import judged_by, may_judge, today, wanting
from app.services.prompts.queue import WAITING
from app.services.prompts.reservations import open_for
from app.services.prompts.search import PromptFilter
from app.services.system import audit
from app.words import gettext

MOST = 100_000
"""The most prompts of one assignment."""
LONGEST_NOTE = 500


@dataclass(frozen=True)
class Assigning:
    """What an admin wishes: for whom, one of the two, due on which day of UTC, until that day only, and a note."""

    user_id: int | None = None
    group_id: int | None = None
    due: date | None = None
    returns: bool = False
    note: str = ""


class Meant(NamedTuple):
    """How many prompts an assignment would have, at most `MOST` + 1, and how many of them another one has now."""

    prompts: int
    assigned: int


class Made(NamedTuple):
    """A new assignment, how many prompts it has, and how many of them it took from other ones."""

    id: int
    prompts: int
    moved: int


def chosen(session: Session, meant: PromptFilter | Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the prompts that are meant, by a filter or their ids, and wait for judgments."""
    decided = studio_settings.settings(session)
    which = meant.conditions(decided) if isinstance(meant, PromptFilter) else [Prompt.id.in_(meant)]
    return (*which, WAITING, open_for(decided))


def count(session: Session, meant: PromptFilter | Sequence[int]) -> Meant:
    """Count what would be assigned."""
    some = select(Prompt.id).where(*chosen(session, meant)).limit(MOST + 1).subquery()
    assigned = select(func.count()).where(AssignedPrompt.prompt_id.in_(select(some.c.id)))
    return Meant(session.scalar(select(func.count()).select_from(some)) or 0, session.scalar(assigned) or 0)


def assign(session: Session, by: int, meant: PromptFilter | Sequence[int], wished: Assigning) -> Made:
    """Assign prompts, in the order of the queue; those of other assignments move to the new one.

    Raises Invalid if nothing of what is meant waits in the queue or too much does, about a date that is over, and for
    people who cannot be assigned anything.
    """
    _check(wished)
    number = count(session, meant).prompts
    if not number:
        raise Invalid(gettext("None of these prompts waits in the queue."))
    if number > MOST:
        raise Invalid(gettext("At most %(most)s prompts can be assigned at once: narrow the search.", most=MOST))
    with write_transaction(session):
        one_at_a_time(session, Turn.ASSIGNMENTS)  # another one may take the same prompts
        people = _people(session, wished)
        made = Assignment(
            user_id=wished.user_id,
            group_id=wished.group_id,
            due=wished.due,
            returns=wished.returns,
            note=wished.note.strip(),
            created_by=by,
        )
        session.add(made)
        session.flush()
        session.execute(insert(Assignee), [{"assignment_id": made.id, "user_id": person} for person in people])
        moved, prompts = _take(session, made.id, chosen(session, meant))
        end_what_is_done(session)
        which = meant.as_query() if isinstance(meant, PromptFilter) else {"ids": list(meant)}
        to = {"user": wished.user_id} if wished.user_id is not None else {"group": wished.group_id}
        due = wished.due.isoformat() if wished.due else None
        audit.record(
            session, by, "prompts.assigned", f"assignment {made.id}", **to, due=due, which=which, prompts=prompts
        )
        queue_progress.mark(session)
        return Made(made.id, prompts, moved)


def withdraw(session: Session, by: int, assignment_id: int) -> Assignment:
    """End an assignment, so that what is left of it is everybody's; raises NotFound, and Conflict if it has ended."""
    with write_transaction(session):
        found = get(session, assignment_id)
        if found.ended_at is not None:
            raise Conflict(gettext("This assignment has ended already."))
        end(session, [assignment_id], AssignmentEnd.WITHDRAWN, by)
        audit.record(session, by, "assignment.withdrawn", f"assignment {assignment_id}")
        queue_progress.mark(session)
    session.refresh(found)
    return found


def get(session: Session, assignment_id: int) -> Assignment:
    """Return one assignment; raises NotFound."""
    found = session.get(Assignment, assignment_id)
    if found is None:
        raise NotFound(gettext("There is no assignment %(id)s.", id=assignment_id))
    return found


def end_of_person(session: Session, by: int | None, user_id: int) -> None:
    """End what is assigned to a person alone, in the running transaction, as they go; others keep what they share."""
    theirs = select(Assignment.id).where(Assignment.user_id == user_id, Assignment.ended_at.is_(None))
    for project in project_ids(session):
        with within(session, project):
            end(session, session.scalars(theirs).all(), AssignmentEnd.WITHDRAWN, by)
    queue_progress.mark(session)


def end(session: Session, ids: Sequence[int], why: AssignmentEnd, by: int | None = None) -> None:
    """End assignments in the running transaction: their numbers stay, and the rows of their prompts go."""
    for assignment_id in ids:
        prompts, left = counts(session, [assignment_id]).get(assignment_id, (0, 0))
        ending = why if prompts else AssignmentEnd.WITHDRAWN  # others have taken over all of them
        session.execute(
            update(Assignment)
            .where(Assignment.id == assignment_id)
            .values(ending=ending, ended_at=now(), ended_by=by, prompts=prompts, done=prompts - left)
        )
        for table in (AssignedPrompt, Assignee):
            gone = delete(table).where(table.assignment_id == assignment_id)
            session.execute(gone, execution_options={"synchronize_session": False})


def end_what_is_done(session: Session) -> None:
    """End the assignments whose date is over or of which nothing is in the queue any more, in the running transaction.

    What holds is told without it; it keeps what is read of them short.
    """
    waits = (
        select(AssignedPrompt.id)
        .join(Prompt, Prompt.id == AssignedPrompt.prompt_id)
        .where(AssignedPrompt.assignment_id == Assignment.id, Prompt.queued)
    )
    standing = select(Assignment.id).where(Assignment.ended_at.is_(None))
    end(
        session, session.scalars(standing.where(Assignment.returns, Assignment.due < today())).all(), AssignmentEnd.OVER
    )
    end(session, session.scalars(standing.where(~exists(waits))).all(), AssignmentEnd.DONE)


def counts(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return how many prompts assignments that have not ended have, and how many of these are left.

    A prompt is done once enough people have judged it, or each of the people it is assigned to has judged or skipped
    it; so is one that was taken out of the queue.
    """
    unjudged = or_(wanting(session), _waiting_for_nobody(session))
    left = and_(WAITING, open_for(studio_settings.settings(session)), unjudged)
    found = session.execute(
        select(AssignedPrompt.assignment_id, func.count(), func.count().filter(left))
        .join(Prompt, Prompt.id == AssignedPrompt.prompt_id)
        .where(AssignedPrompt.assignment_id.in_(ids))
        .group_by(AssignedPrompt.assignment_id)
    )
    return {number: (prompts, waiting) for number, prompts, waiting in found}


def _waiting_for_nobody(session: Session) -> ColumnElement[bool]:
    """Tell whether an AssignedPrompt was not judged by all of its people, none of whom may judge now."""
    people = select(Assignee.user_id).where(Assignee.assignment_id == AssignedPrompt.assignment_id)
    people = people.correlate(AssignedPrompt)
    able = people.join(User, and_(User.id == Assignee.user_id, may_judge(session)))
    return and_(~exists(able), or_(~exists(people), exists(people.where(~judged_by(Assignee.user_id)))))


def _check(wished: Assigning) -> None:
    if (wished.user_id is None) == (wished.group_id is None):
        raise Invalid(gettext("Say for whom it is: a person or a group."))
    if wished.due is not None and wished.due < today():
        raise Invalid(gettext("That day is over: choose today or a later one."))
    if wished.returns and wished.due is None:
        raise Invalid(gettext("Say on which day it ends."))
    if len(wished.note) > LONGEST_NOTE or "\x00" in wished.note:
        raise Invalid(gettext("The note must be a text of at most %(most)s characters.", most=LONGEST_NOTE))


def _people(session: Session, wished: Assigning) -> Sequence[int]:
    """Return the people it is for, whom the transaction locks; raises Invalid if none of them may sign in."""
    if wished.user_id is not None:
        person = session.get(User, wished.user_id, with_for_update=True, populate_existing=True)
        if person is None or not session.scalar(select(User.id).where(User.id == person.id, may_judge(session))):
            raise Invalid(gettext("That person cannot be assigned anything: they may not judge here."))
        return [person.id]
    group = session.get(PeopleGroup, wished.group_id, with_for_update=True, populate_existing=True)
    if group is None or group.deleted_at is not None:
        raise Invalid(gettext("There is no such group."))
    members = select(GroupMember.user_id).join(User, User.id == GroupMember.user_id)
    people = session.scalars(members.where(GroupMember.group_id == group.id)).all()
    if not session.scalar(members.where(GroupMember.group_id == group.id, may_judge(session)).limit(1)):
        raise Invalid(gettext("Nobody of that group may judge here: add somebody first."))
    return people


def _take(session: Session, assignment_id: int, conditions: Sequence[ColumnElement[bool]]) -> tuple[int, int]:
    """Give prompts to an assignment; returns how many of them other ones had, and how many there are."""
    ids = select(Prompt.id).where(*conditions)
    gone = delete(AssignedPrompt).where(AssignedPrompt.prompt_id.in_(ids))
    moved = session.execute(gone, execution_options={"synchronize_session": False}).rowcount  # type: ignore[attr-defined]
    ordered = select(literal(assignment_id), Prompt.id).where(*conditions)
    taken = insert(AssignedPrompt).from_select(
        ["assignment_id", "prompt_id"], ordered.order_by(Prompt.priority.desc(), Prompt.id)
    )
    session.execute(taken)
    number = select(func.count()).where(AssignedPrompt.assignment_id == assignment_id)
    return moved, session.scalar(number) or 0
