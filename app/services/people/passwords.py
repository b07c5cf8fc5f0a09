"""Passwords: what a new one must be, how it is kept, and how it is changed."""

from __future__ import annotations

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import PasswordReset, User, now, write_transaction
from app.domain_errors import Forbidden, Invalid, NotFound
from app.services.people import sessions
from app.services.people.sessions import Ending
from app.services.system import audit
from app.words import gettext, number

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200
COMMON_PASSWORDS = 10_000
_STUDIO = "mellow"
_hasher = PasswordHasher()  # Argon2id with the library's defaults, which follow RFC 9106


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _hasher.hash(password)


@cache
def stand_in() -> str:
    """Return the hash to verify when the email is unknown; cached, because hashing takes a quarter of a second."""
    return hashed(secrets.token_hex())


def matches(kept: str, password: str) -> bool:
    """Return whether a password is the one of which that was kept."""
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def check_new_password(password: str, email: str = "", name: str = "") -> None:
    """Raise Invalid if a password is too short, too long, or among the first that anybody would guess."""
    name = name or gettext("The password")
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(
            gettext(
                "%(name)s needs at least %(fewest)s characters.",
                name=name,
                fewest=SHORTEST_PASSWORD,
            )
        )
    if len(password) > LONGEST_PASSWORD:
        raise Invalid(
            gettext(
                "%(name)s may have at most %(most)s characters.",
                name=name,
                most=LONGEST_PASSWORD,
            )
        )
    said = password.strip().lower()
    if said in _common():
        raise Invalid(
            gettext(
                "%(name)s is one of the %(count)s that are tried first: choose another one.",
                name=name,
                count=number(COMMON_PASSWORDS),
            )
        )
    own = {_STUDIO, *(part for part in (email.strip().lower(), email.strip().lower().partition("@")[0]) if part)}
    if said.strip("0123456789!?.-_ ") in own or said in own:
        raise Invalid(gettext("%(name)s must be more than the name of this studio or an email address.", name=name))


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # half a megabyte, for a new password only

    return frozenset(FREQUENCY_LISTS["passwords"][:COMMON_PASSWORDS])


def change_password(session: Session, user_id: int, old: str, new: str) -> User:
    """Change one's own password and end all one's sessions; returns the account, to begin a new one.

    Raises Forbidden for a wrong old password, and Invalid.
    """
    user = session.get_one(User, user_id)
    if not matches(user.password_hash, old):
        raise Forbidden(gettext("The present password is wrong."))
    check_new_password(new, user.email)
    if new == old:
        raise Invalid(gettext("The new password is the present one."))
    kept = hashed(new)  # a quarter of a second, before anything is locked
    with write_transaction(session):
        replace(session, user, kept, user_id, "password.changed")
    return user


def set_password(session: Session, email: str, new: str) -> User:
    """Set the password of the account with that email, from a shell; raises NotFound and Invalid.

    Its owner has to choose another one after signing in with it.
    """
    user = session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound(f"There is no account with the email {email.strip().lower()}.")
    check_new_password(new, user.email)
    kept = hashed(new)
    with write_transaction(session):
        replace(session, user, kept, None, "password.set")
        user.must_change_password = True
    return user


def replace(session: Session, user: User, kept: str, by: int | None, action: str, **details: int) -> None:
    """Store the hash of a password of one's own, end all sessions and withdraw links that would reset it.

    Belongs into a running transaction.
    """
    user.password_hash, user.must_change_password = kept, False
    sessions.end_all(session, by, user.id, Ending.PASSWORD)
    withdraw_resets(session, user.id)
    audit.record(session, by, action, f"user {user.id}", **details)


def withdraw_resets(session: Session, user_id: int) -> None:
    """Withdraw the open links that reset a person's password, within the running transaction."""
    session.execute(
        update(PasswordReset)
        .where(
            PasswordReset.user_id == user_id,
            PasswordReset.used_at.is_(None),
            PasswordReset.withdrawn_at.is_(None),
            PasswordReset.expires_at > now(),
        )
        .values(withdrawn_at=now())
    )


def is_own(session: Session, user_id: int, password: str) -> bool:
    """Return whether that is the person's password."""
    return matches(session.get_one(User, user_id).password_hash, password)
