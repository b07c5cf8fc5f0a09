"""Groups of people. What is assigned to a group is for whoever is in it now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.db import (
    Assignee,
    Assignment,
    AssignmentEnd,
    GroupMember,
    PeopleGroup,
    User,
    everything,
    now,
    project_ids,
    within,
    write_transaction,
)
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.prompts import queue_progress
from app.services.prompts.assigning import assignments
from app.services.prompts.assigning.standing import may_judge
from app.services.system import audit
from app.words import gettext

LONGEST_NAME = 100


class Group(NamedTuple):
    """A group and the ids of its members."""

    id: int
    name: str
    members: list[int]


def groups_here(session: Session) -> list[Group]:
    """Return all groups by name, with those of their members who may judge in the session's project."""
    here = set(session.scalars(select(User.id).where(may_judge(session))))
    return [one._replace(members=[number for number in one.members if number in here]) for one in all_groups(session)]


def all_groups(session: Session) -> list[Group]:
    """Return all groups by name."""
    found = session.execute(
        select(PeopleGroup.id, PeopleGroup.name)
        .where(PeopleGroup.deleted_at.is_(None))
        .order_by(func.lower(PeopleGroup.name), PeopleGroup.id)
    ).all()
    members: dict[int, list[int]] = {}
    for group_id, user_id in session.execute(
        select(GroupMember.group_id, GroupMember.user_id).order_by(GroupMember.user_id)
    ):
        members.setdefault(group_id, []).append(user_id)
    return [Group(number, name, members.get(number, [])) for number, name in found]


def get(session: Session, group_id: int) -> Group:
    """Return one group; raises NotFound."""
    found = _row(session, group_id)
    members = select(GroupMember.user_id).where(GroupMember.group_id == group_id).order_by(GroupMember.user_id)
    return Group(found.id, found.name, list(session.scalars(members)))


def create(session: Session, by: int, name: str, members: Collection[int] = ()) -> Group:
    """Make a group; raises Invalid about its name or a member, and Conflict if there is one of that name."""
    with write_transaction(session):
        group = PeopleGroup(name=_free_name(session, name))
        session.add(group)
        session.flush()
        _set_members(session, group.id, members)
        audit.record(session, by, "group.created", f"group {group.id}", members=sorted(set(members)))
    return get(session, group.id)


def change(
    session: Session, by: int, group_id: int, name: str | None = None, members: Collection[int] | None = None
) -> Group:
    """Rename a group, or say who is in it; raises as `create` does, and NotFound."""
    with write_transaction(session):
        group = _row(session, group_id)
        if name is not None and name.strip() != group.name:
            group.name = _free_name(session, name, but=group_id)
        if members is not None:
            _set_members(session, group_id, members)
            _set_assignees(session, group_id, members)
        said = {} if members is None else {"members": sorted(set(members))}
        audit.record(session, by, "group.changed", f"group {group_id}", **said)
        queue_progress.mark(session)
    return get(session, group_id)


def remove(session: Session, by: int, group_id: int) -> None:
    """Delete a group: what was assigned to it is everybody's again; raises NotFound."""
    with write_transaction(session):
        group = _row(session, group_id)
        for project in project_ids(session):
            with within(session, project):
                assignments.end(session, _holding(session, group_id), AssignmentEnd.WITHDRAWN, by)
        _set_members(session, group_id, ())
        group.deleted_at = now()
        audit.record(session, by, "group.deleted", f"group {group_id}")
        queue_progress.mark(session)


def _row(session: Session, group_id: int) -> PeopleGroup:
    group = session.get(PeopleGroup, group_id)
    if group is None or group.deleted_at is not None:
        raise NotFound(gettext("There is no group %(id)s.", id=group_id))
    return group


def _free_name(session: Session, name: str, but: int | None = None) -> str:
    """Return the name as it is stored; raises Invalid if it is none, and Conflict if another group has it."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        raise Invalid(gettext("Give the group a name of at most %(most)s characters.", most=LONGEST_NAME))
    same = select(PeopleGroup.id).where(PeopleGroup.name == name, PeopleGroup.deleted_at.is_(None))
    if session.scalar(same) not in (None, but):
        raise Conflict(gettext("There is a group of that name already."))
    return name


def _set_members(session: Session, group_id: int, members: Iterable[int]) -> None:
    wanted = set(members)
    known = set(session.scalars(select(User.id).where(User.id.in_(wanted), User.deleted_at.is_(None))))
    if strange := wanted - known:
        raise Invalid(gettext("There is no user %(id)s.", id=min(strange)))
    gone = delete(GroupMember).where(GroupMember.group_id == group_id)
    session.execute(gone, execution_options={"synchronize_session": False})
    if wanted:
        session.execute(insert(GroupMember), [{"group_id": group_id, "user_id": one} for one in sorted(wanted)])


def _set_assignees(session: Session, group_id: int, members: Iterable[int]) -> None:
    """Let what is assigned to a group be for these people."""
    with everything(session):
        holding = _holding(session, group_id)
    gone = delete(Assignee).where(Assignee.assignment_id.in_(holding))
    session.execute(gone, execution_options={"synchronize_session": False})
    rows = [{"assignment_id": number, "user_id": one} for number in holding for one in sorted(set(members))]
    if rows:
        session.execute(insert(Assignee), rows)


def _holding(session: Session, group_id: int) -> list[int]:
    held = select(Assignment.id).where(Assignment.group_id == group_id, Assignment.ended_at.is_(None))
    return list(session.scalars(held))
