"""Accounts: sign-in, roles, and the creation of the first admin."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from app.db import (
    Prebuilt,
    ProjectRole,
    Role,
    SignInSession,
    Turn,
    User,
    now,
    one_at_a_time,
    write_transaction,
    write_with_others,
)
from app.domain_errors import Conflict, Forbidden, Invalid, NotFound
from app.secret_files import keep_secret
from app.services.people import passwords, sessions
from app.services.people.passwords import check_new_password, hashed, matches, stand_in
from app.services.people.sessions import Ending
from app.services.projects import memberships
from app.services.prompts import queue_progress
from app.services.system import audit
from app.words import gettext

SEEN_EVERY = timedelta(minutes=1)
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


def anyone(session: Session) -> bool:
    """Return whether there is any account yet."""
    return bool(session.scalar(select(exists(select(User.id)))))


def people(session: Session) -> list[User]:
    """Return all accounts, oldest first."""
    return list(session.scalars(select(User).order_by(User.id)))


class Identity(NamedTuple):
    """The columns of a person, and of the session unless an API token is used, that every request needs."""

    id: int
    email: str
    name: str
    role: str
    must_change_password: bool
    settings: dict[str, Any]
    last_seen_at: datetime | None
    session_id: int | None = None
    last_used_at: datetime | None = None
    confirmed_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        """Return whether this person is an admin."""
        return self.role == Role.ADMIN


_users: Table = User.__table__  # type: ignore[assignment]
_sessions: Table = SignInSession.__table__  # type: ignore[assignment]
_PERSON = [_users.c[name] for name in Identity._fields if name in _users.c]
_SESSION = [_sessions.c.id.label("session_id"), _sessions.c.last_used_at, _sessions.c.confirmed_at]
_BY_SESSION = Prebuilt(
    select(*_PERSON, *_SESSION)
    .join_from(_sessions, _users)
    .where(
        _sessions.c.secret_hash == bindparam("secret"),
        _sessions.c.ended_at.is_(None),
        _sessions.c.expires_at > bindparam("present"),
        _sessions.c.last_used_at > bindparam("since"),
        _users.c.active,
    )
)
_SEEN = Prebuilt(
    update(_users)
    .where(
        _users.c.id == bindparam("person"),
        or_(_users.c.last_seen_at.is_(None), _users.c.last_seen_at < bindparam("before")),
    )
    .values(last_seen_at=bindparam("present"))
)
_USED = Prebuilt(
    update(_sessions)
    .where(_sessions.c.id == bindparam("session"), _sessions.c.last_used_at < bindparam("before"))
    .values(last_used_at=bindparam("present"))
)


def by_session(session: Session, secret: str, idle: timedelta) -> Identity | None:
    """Return the active person whose open session has that secret and was used within `idle`, or None."""
    present = now()
    # Every request needs this, so it reads columns without building an ORM object of the whole row.
    rows = _BY_SESSION.read(session, {"secret": sessions.hash_of(secret), "present": present, "since": present - idle})
    return Identity(*rows[0]) if rows else None


def authenticate(session: Session, email: str, password: str) -> User | None:
    """Return the active person with that email and password, or None; an unknown email takes as long as a known one."""
    user = by_email(session, email)
    unknown = stand_in()  # made for a known email, too, so that the first response reveals nothing
    right = matches(user.password_hash if user and user.has_password else unknown, password)
    return user if right and user and user.active else None


def by_email(session: Session, email: str) -> User | None:
    """Return the person with that email, active or not, or None."""
    email = normal(email)
    # PostgreSQL rejects some texts as parameters, such as one with a NUL.
    return session.scalar(select(User).where(User.email == email)) if _EMAIL.fullmatch(email) else None


def add_user(
    session: Session,
    by: int | None,
    email: str,
    password: str,
    role: str,
    name: str = "",
    *,
    projects: Mapping[int, ProjectRole] | None = None,
) -> User:
    """Create an account whose owner has to choose another password after signing in; raises Invalid or Conflict.

    Its owner is a member of these `projects` alone, without any an annotator of the first.
    """
    check_new_password(password, email)
    with write_transaction(session):
        user = new_user(session, email, password, role, name)
        user.must_change_password = True
        session.flush()
        if projects:
            memberships.begin(session, user.id, projects)
        audit.record(session, by, "user.created", f"user {user.id}", email=user.email, role=user.role)
    return user


def change_profile(session: Session, user_id: int, name: str, email: str, password: str) -> User:
    """Change one's own name and email; another email takes the password.

    Raises Invalid, Forbidden for a wrong password, and Conflict for an email that somebody else has.
    """
    email = normal(email)
    check_profile(email, name)
    user = session.get_one(User, user_id)
    if email != user.email and not user.has_password:
        raise Forbidden(gettext("Another email address takes a password, and this account has none."))
    if email != user.email and not matches(user.password_hash, password):
        raise Forbidden(gettext("The password is wrong, and another email address takes it."))
    with write_transaction(session):
        session.refresh(user)
        changed = {"email": email} if email != user.email else {}
        if changed and session.scalar(select(exists(select(User.id).where(User.email == email)))):
            raise Conflict(gettext("There is an account with that email already."))
        if changed or name.strip() != user.name:
            user.email, user.name = email, name.strip()
            audit.record(session, user_id, "profile.changed", f"user {user_id}", name=user.name, **changed)
    return user


def set_active(session: Session, by: int, user_id: int, active: bool) -> User:
    """Activate or deactivate an account and end its sessions.

    Raises NotFound, and Conflict for deactivating one's own account or the last admin, and for a deleted account.
    """
    with write_transaction(session):
        user = session.get(User, user_id)
        if user is None:
            raise NotFound(gettext("There is no user %(id)s.", id=user_id))
        if user_id == by and not active:
            raise Conflict(gettext("You cannot deactivate your own account."))
        if not active:
            keep_an_admin(session, user_id)
        elif user.deleted_at is not None:
            raise Conflict(gettext("That account was deleted."))
        user.active = active
        queue_progress.mark(session)  # what is assigned to people who may not sign in is everybody's meanwhile
        sessions.end_all(session, by, user_id, Ending.ACCESS)
        audit.record(session, by, "user.activated" if active else "user.deactivated", f"user {user_id}")
    return user


def set_role(session: Session, by: int | None, user_id: int, role: str, **why: str) -> User:
    """Make a person an admin or an annotator, and note `why` in the audit log.

    Raises Conflict for the last admin and for a deleted account.
    """
    if role not in list(Role):
        raise Invalid(gettext("The role must be annotator or admin."))
    with write_transaction(session):
        user = session.get(User, user_id)
        if user is None:
            raise NotFound(gettext("There is no user %(id)s.", id=user_id))
        if role != Role.ADMIN:
            keep_an_admin(session, user_id)
        elif user.deleted_at is not None:
            raise Conflict(gettext("That account was deleted."))
        if user.role != role:
            audit.record(session, by, "role.changed", f"user {user_id}", before=str(user.role), after=role, **why)
            user.role = Role(role)
    return user


def seen(session: Session, user_id: int, session_id: int | None = None) -> None:
    """Record that a person and their session are active, at most once a minute, also across processes."""
    present = now()
    values = {"present": present, "before": present - SEEN_EVERY}
    if session.in_transaction():
        session.commit()  # releases the connection while this request waits for others

    def write(connection: Connection) -> None:
        _SEEN.run(connection, [values | {"person": user_id}])
        if session_id is not None:
            _USED.run(connection, [values | {"session": session_id}])

    write_with_others(session, write)


def ensure_admin(session: Session, email: str, password: str) -> User:
    """Make the account that the environment names an active admin with that password, and return it.

    The environment overrides what is stored, so that a restart resets a forgotten password. Raises Invalid for a new
    password that is too short.
    """
    with write_transaction(session):
        one_at_a_time(session, Turn.FIRST_ADMIN)
        user = session.scalar(select(User).where(User.email == normal(email)))
        if user is None:
            check_new_password(password, email, "ADMIN_PASSWORD")
            user = new_user(session, email, password, Role.ADMIN, "")
            session.flush()
            audit.record(session, None, "user.created", f"user {user.id}", email=user.email, role=user.role)
        elif not matches(user.password_hash, password):
            check_new_password(password, email, "ADMIN_PASSWORD")
            passwords.replace(session, user, hashed(password), None, "password.set")
        user.role, user.active, user.must_change_password = Role.ADMIN, True, False
    return user


def leave_setup_token(session: Session, path: Path, token: str) -> None:
    """Leave the token of the setup page in `path`, with mode 600, for the launcher; none once there is an account."""
    path.unlink(missing_ok=True)
    if not anyone(session):
        keep_secret(path, token)


def set_up(session: Session, expected: str, token: str, email: str, password: str) -> User:
    """Create the first admin with the token of the setup page, which must be the `expected` one.

    The token opens nothing once there is an account: NotFound is raised. Raises Forbidden for a wrong one, and Invalid.
    """
    if anyone(session):
        raise NotFound(gettext("Mellow is set up already: sign in."))
    if not secrets.compare_digest(token.encode(), expected.encode()):
        raise Forbidden(gettext("That setup link is not the one printed at start."))
    check_new_password(password, email)
    with write_transaction(session):
        one_at_a_time(session, Turn.FIRST_ADMIN)
        if anyone(session):
            raise NotFound(gettext("Mellow is set up already: sign in."))
        user = new_user(session, email, password, Role.ADMIN, "")
        session.flush()
        audit.record(session, user.id, "user.created", f"user {user.id}", email=user.email, role=user.role)
    return user


def new_user(session: Session, email: str, password: str | None, role: str, name: str) -> User:
    """Add an account within the running transaction, with no password for None; raises Invalid or Conflict."""
    email = normal(email)
    check_profile(email, name)
    if role not in list(Role):
        raise Invalid(gettext("The role must be annotator or admin."))
    if session.scalar(select(exists(select(User.id).where(User.email == email)))):
        raise Conflict(gettext("There is an account with that email already."))
    user = User(
        email=email,
        name=name.strip(),
        password_hash="" if password is None else hashed(password),
        role=Role(role),
    )
    session.add(user)
    return user


def check_profile(email: str, name: str) -> None:
    """Raise Invalid for what is no email address, or a name that cannot be stored."""
    if not _EMAIL.fullmatch(email) or len(email) > 254:
        raise Invalid(gettext("That is not an email address."))
    if len(name) > 100:
        raise Invalid(gettext("The name may have at most 100 characters."))
    if "\x00" in name:
        raise Invalid(gettext("The name holds characters that cannot be stored."))


def keep_an_admin(session: Session, leaving: int) -> None:
    """Raise Conflict if nobody but `leaving` is an active admin; within the running transaction."""
    # Locked, so that two admins who demote each other at the same moment do not both succeed.
    admins = session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active).with_for_update()).all()
    if list(admins) == [leaving]:
        raise Conflict(gettext("There has to be at least one admin: make someone else one first."))


def normal(email: str) -> str:
    """Return the form in which an email address is stored and compared."""
    return email.strip().lower()
