"""Sessions: a row for each sign-in in a browser, whose cookie holds a secret of which only a hash is stored.

A session ends when somebody ends it, after an idle time, or at `expires_at`. Who a cookie belongs to is looked up for
every request by `app/services/people/accounts.py`.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db import SignInSession, User, now, write_transaction
from app.domain_errors import Forbidden, NotFound
from app.services.system import audit
from app.words import N_, gettext

CONFIRMED_FOR = timedelta(minutes=10)
"""Time after the password was given, or somebody signed in otherwise, in which it is not asked for again."""
_KEPT = timedelta(days=30)
_LISTED = 50
_LONGEST_ADDRESS = 64


class Ending(StrEnum):
    """Why a session was ended."""

    SIGNED_OUT = N_("signed out")
    ELSEWHERE = N_("ended in another browser")
    ADMIN = N_("ended by an admin")
    PASSWORD = N_("ended with a new password")
    ACCESS = N_("ended when the account was deactivated")
    DELETED = N_("ended when the account was deleted")


def begin(session: Session, user: User, lifetime: timedelta, address: str, browser: str) -> str:
    """Begin a session that expires after `lifetime`, and return the secret for its cookie.

    The person has just shown who they are, which counts as giving the password. Removes sessions of theirs that expired
    a month ago. Raises Forbidden if the account was deactivated or got another password since `user` was read.
    """
    secret, present, known = secrets.token_urlsafe(32), now(), user.password_hash
    with write_transaction(session):
        session.refresh(user, with_for_update=True)
        if not user.active or user.password_hash != known:
            raise Forbidden(gettext("The account was changed meanwhile: sign in again."))
        session.execute(
            delete(SignInSession).where(SignInSession.user_id == user.id, SignInSession.expires_at < present - _KEPT)
        )
        session.add(
            SignInSession(
                secret_hash=hash_of(secret),
                user_id=user.id,
                address=address[:_LONGEST_ADDRESS],
                browser=browser,
                created_at=present,
                last_used_at=present,
                confirmed_at=present,
                expires_at=present + lifetime,
            )
        )
    return secret


def of_person(session: Session, user_id: int, idle: timedelta) -> list[tuple[SignInSession, str]]:
    """Return a person's sessions, those that are open first, each with why it is over: nothing if it is open."""
    ended = SignInSession.ended_at.is_not(None)
    found = session.scalars(
        select(SignInSession)
        .where(SignInSession.user_id == user_id)
        .order_by(ended, SignInSession.last_used_at.desc(), SignInSession.id.desc())
        .limit(_LISTED)
    )
    present = now()
    return [(one, _why_over(one, present, idle)) for one in found]


def _why_over(one: SignInSession, present: datetime, idle: timedelta) -> str:
    if one.ended_why is not None:
        return one.ended_why
    return "" if one.expires_at > present and one.last_used_at > present - idle else "expired"


def end(session: Session, by: int, user_id: int, session_id: int, why: Ending) -> None:
    """End one session of a person; raises NotFound if it is none of theirs. Repeating it changes nothing."""
    with write_transaction(session):
        found = session.get(SignInSession, session_id, with_for_update=True)
        if found is None or found.user_id != user_id:
            raise NotFound(gettext("This person has no session %(id)s.", id=session_id))
        if found.ended_at is None:
            found.ended_at, found.ended_why = now(), why
            if why is not Ending.SIGNED_OUT:  # whoever signs a person out notes it, with the address
                audit.record(session, by, "session.ended", f"session {session_id}", user=user_id, why=why)


def end_others(session: Session, by: int, user_id: int, why: Ending, but: int | None) -> int:
    """End every session of a person but one, or all for None; returns how many were open."""
    with write_transaction(session):
        return end_all(session, by, user_id, why, but)


def end_all(session: Session, by: int | None, user_id: int, why: Ending, but: int | None = None) -> int:
    """Do the same as `end_others` within the running transaction."""
    present = now()
    wanted = [
        SignInSession.user_id == user_id,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > present,
    ]
    if but is not None:
        wanted.append(SignInSession.id != but)
    ending = update(SignInSession).where(*wanted).values(ended_at=present, ended_why=why).returning(SignInSession.id)
    number = len(session.scalars(ending).all())
    if number:
        audit.record(session, by, "sessions.ended", f"user {user_id}", number=number, why=why)
    return number


def confirm(session: Session, session_id: int) -> None:
    """Record that the person has just given the password in a session."""
    with write_transaction(session):
        session.get_one(SignInSession, session_id).confirmed_at = now()


def hash_of(secret: str) -> str:
    """Return what is stored of a session's secret, which is too long and random to be guessed from a fast hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
