"""Links with which a person who forgot the password sets a new one. Only a hash of a link's secret is stored."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import PasswordReset, User, now, write_transaction
from app.domain_errors import Conflict, NotFound
from app.services.people import links, passwords
from app.services.system import audit
from app.words import gettext

HOURS = 24
_LISTED = 5


def make(session: Session, by: int, user_id: int) -> tuple[PasswordReset, str]:
    """Make a link for a person and return it with its secret; the person's older links are withdrawn.

    Raises NotFound, and Conflict for someone who may not sign in.
    """
    token = links.new_secret()
    with write_transaction(session):
        user = session.get(User, user_id)
        if user is None:
            raise NotFound(gettext("There is no user %(id)s.", id=user_id))
        if not user.active:
            raise Conflict(gettext("%(email)s may not sign in: reactivate the account first.", email=user.email))
        passwords.withdraw_resets(session, user_id)
        reset = PasswordReset(
            token_hash=links.hash_of(token),
            user_id=user_id,
            created_by=by,
            expires_at=now() + timedelta(hours=HOURS),
        )
        session.add(reset)
        session.flush()
        audit.record(session, by, "reset.created", f"user {user_id}", reset=reset.id)
    return reset, token


def latest(session: Session, user_id: int) -> list[PasswordReset]:
    """Return a person's latest links, the newest first."""
    wanted = select(PasswordReset).where(PasswordReset.user_id == user_id)
    return list(session.scalars(wanted.order_by(PasswordReset.id.desc()).limit(_LISTED)))


def withdraw(session: Session, by: int, user_id: int, reset_id: int) -> None:
    """Withdraw a person's link; raises NotFound, and Conflict if it was used. Repeating it changes nothing."""
    with write_transaction(session):
        reset = session.get(PasswordReset, reset_id, with_for_update=True)
        if reset is None or reset.user_id != user_id:
            raise NotFound(gettext("This person has no reset link %(id)s.", id=reset_id))
        if reset.used_at is not None:
            raise Conflict(gettext("That link was used already."))
        if reset.withdrawn_at is None:
            reset.withdrawn_at = now()
            audit.record(session, by, "reset.withdrawn", f"user {user_id}", reset=reset_id)


def of_token(session: Session, token: str) -> tuple[PasswordReset, User]:
    """Return the link of a secret and its person; raises NotFound with the reason if it cannot be used."""
    found = select(PasswordReset).where(PasswordReset.token_hash == links.hash_of(token)).with_for_update()
    reset = session.scalar(found)
    if reset is None:
        raise NotFound(gettext("This reset link is not known: ask an admin for a new one."))
    said = {
        "used": gettext("This reset link was used already: sign in with the password that was set."),
        "withdrawn": gettext("This reset link was withdrawn: ask an admin for a new one."),
        "expired": gettext("This reset link has expired: ask an admin for a new one."),
    }
    if (now_is := links.state(reset)) in said:
        raise NotFound(said[now_is])
    user, maker = session.get_one(User, reset.user_id), session.get_one(User, reset.created_by)
    if not (user.active and maker.active and maker.is_admin):
        raise NotFound(gettext("This reset link is worth nothing any more: ask an admin for a new one."))
    return reset, user


def use(session: Session, token: str, new: str) -> User:
    """Set the password of a link's person and end all their sessions; of two at the same moment one succeeds.

    Raises NotFound if the link cannot be used, and Invalid for the password.
    """
    _, user = of_token(session, token)
    passwords.check_new_password(new, user.email)
    kept = passwords.hashed(new)
    with write_transaction(session):
        reset, user = of_token(session, token)
        reset.used_at = now()
        passwords.replace(session, user, kept, user.id, "password.reset", reset=reset.id)
    return user
