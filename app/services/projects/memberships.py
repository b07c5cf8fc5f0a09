"""Who may enter which project, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Table, and_, bindparam, delete, exists, select
from sqlalchemy.orm import Session

from app.db import ANSWERING, FIRST, Prebuilt, Project, ProjectMember, ProjectRole, User, is_member, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.prompts import queue_progress
from app.services.system import audit
from app.words import gettext

ROLES = (ProjectRole.ANNOTATOR, ProjectRole.REVIEWER, ProjectRole.ADMIN)
"""The roles that somebody in a project can have."""


class Seat(NamedTuple):
    """A project that a person may enter, and their role in it."""

    id: int
    slug: str
    name: str
    instruction: str
    task: str
    role: ProjectRole

    @property
    def answers(self) -> bool:
        """Return whether the project's model answers, rather than rewrites."""
        return self.task == ANSWERING

    @property
    def manages(self) -> bool:
        """Return whether the person does what a project's admins do."""
        return self.role == ProjectRole.ADMIN

    @property
    def reviews(self) -> bool:
        """Return whether the person decides where others disagree."""
        return self.role in (ProjectRole.REVIEWER, ProjectRole.ADMIN)


class Member(NamedTuple):
    """Somebody in a project."""

    user: User
    role: ProjectRole


_projects: Table = Project.__table__  # type: ignore[assignment]
_members: Table = ProjectMember.__table__  # type: ignore[assignment]
_OPEN = Prebuilt(
    select(*(_projects.c[name] for name in ("id", "slug", "name", "instruction", "task")), _members.c.role)
    .outerjoin_from(
        _projects,
        _members,
        and_(_members.c.project_id == _projects.c.id, _members.c.user_id == bindparam("person")),
    )
    .where(_projects.c.archived_at.is_(None))
    .order_by(_projects.c.id)
)


def seats(session: Session, user_id: int, *, studio_admin: bool) -> list[Seat]:
    """Return the projects that a person may enter, the oldest first; archived ones nobody may."""
    # Every request asks this, so it reads columns without building ORM objects.
    found = [
        Seat(number, slug, name, instruction, task, ProjectRole.ADMIN if studio_admin else _role(number, role))
        for number, slug, name, instruction, task, role in _OPEN.read(session, {"person": user_id})
    ]
    return [seat for seat in found if seat.role != ProjectRole.NONE]


def administers_any(session: Session, user: User) -> bool:
    """Return whether a person is an admin of the studio or of any project."""
    found = exists().where(ProjectMember.user_id == user.id, ProjectMember.role == ProjectRole.ADMIN)
    return user.is_admin or bool(session.scalar(select(found)))


def members(session: Session, project_id: int) -> list[Member]:
    """Return everybody in a project whose account was not deleted, admins of the studio included, by email."""
    joined = and_(ProjectMember.user_id == User.id, ProjectMember.project_id == project_id)
    found = (
        select(User, ProjectMember.role)
        .outerjoin(ProjectMember, joined)
        .where(User.deleted_at.is_(None), is_member(project_id))
        .order_by(User.email)
    )
    return [
        Member(user, ProjectRole.ADMIN if user.is_admin else _role(project_id, role))
        for user, role in session.execute(found)
    ]


def put(session: Session, by: int, project_id: int, email: str, role: str) -> User:
    """Give somebody who has an account a role in the project that the session is of.

    Raises NotFound for an unknown email, Invalid for an unknown role, and Conflict for an admin of the studio.
    """
    known = email.replace("\x00", "").strip().lower()  # PostgreSQL rejects NUL
    user = session.scalar(select(User).where(User.email == known, User.deleted_at.is_(None)))
    if user is None:
        raise NotFound(gettext("There is no account with that email: an admin of the studio can invite its owner."))
    if user.is_admin:
        raise Conflict(gettext("%(email)s is an admin of the studio, and so of every project.", email=user.email))
    checked = _checked(role)
    with write_transaction(session):
        _store(session, user.id, {project_id: checked})
        audit.record(session, by, "member.set", f"user {user.id}", role=role)
        queue_progress.mark(session)  # what is assigned to them
    return user


def remove(session: Session, by: int, project_id: int, user_id: int) -> User:
    """Take somebody out of a project; what they judged stays. Raises NotFound, and Conflict for a studio's admin."""
    user = session.get(User, user_id)
    if user is None or user_id not in [member.user.id for member in members(session, project_id)]:
        raise NotFound(gettext("They are not in this project."))
    if user.is_admin:
        raise Conflict(gettext("%(email)s is an admin of the studio, and so of every project.", email=user.email))
    with write_transaction(session):
        _store(session, user_id, {project_id: ProjectRole.NONE})
        audit.record(session, by, "member.removed", f"user {user_id}")
        queue_progress.mark(session)
    return user


def chosen(session: Session, roles: Mapping[str, str]) -> dict[int, ProjectRole]:
    """Return what a form says of a new person's projects, role by id; raises Invalid, also if it names none."""
    known = {str(number) for number in session.scalars(select(Project.id).where(Project.archived_at.is_(None)))}
    wanted = {number: role for number, role in roles.items() if role}
    if wanted.keys() - known:
        raise Invalid(gettext("One of these projects is not there any more: reload the page."))
    if not wanted:
        raise Invalid(gettext("Choose a role in at least one project."))
    return {int(number): _checked(role) for number, role in wanted.items()}


def begin(session: Session, user_id: int, roles: Mapping[int, ProjectRole]) -> None:
    """Make a new person a member of these projects alone, within the running transaction."""
    _store(session, user_id, {FIRST: ProjectRole.NONE, **roles})


def of_person(session: Session, user_id: int) -> list[tuple[str, ProjectRole]]:
    """Return the names of the projects that a person is in, archived ones too, with their roles."""
    joined = and_(ProjectMember.project_id == Project.id, ProjectMember.user_id == user_id)
    found = select(Project.id, Project.name, ProjectMember.role).outerjoin(ProjectMember, joined).order_by(Project.id)
    roles = [(name, _role(number, role)) for number, name, role in session.execute(found)]
    return [(name, role) for name, role in roles if role != ProjectRole.NONE]


def _role(project_id: int, stored: str | None) -> ProjectRole:
    if stored is None:
        return ProjectRole.ANNOTATOR if project_id == FIRST else ProjectRole.NONE
    return ProjectRole(stored)


def _store(session: Session, user_id: int, roles: Mapping[int, ProjectRole]) -> None:
    gone = delete(ProjectMember).where(ProjectMember.user_id == user_id, ProjectMember.project_id.in_(roles))
    session.execute(gone)
    session.add_all(
        ProjectMember(project_id=number, user_id=user_id, role=role)
        for number, role in roles.items()
        if role != ProjectRole.NONE or number == FIRST
    )


def _checked(role: str) -> ProjectRole:
    if role not in ROLES:
        raise Invalid(gettext("The role must be annotator, reviewer or admin."))
    return ProjectRole(role)
