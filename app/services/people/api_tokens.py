"""API tokens: whose each is, what it may be used for and until when. Only a hash of a token is stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Table, and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from app.db import (
    ApiToken,
    Prebuilt,
    Role,
    Scope,
    Turn,
    User,
    now,
    one_at_a_time,
    write_transaction,
    write_with_others,
)
from app.domain_errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn
from app.services.people.accounts import Identity
from app.services.projects import memberships
from app.services.system import audit
from app.words import gettext

PREFIX = "mellow_"
DAYS = (7, 30, 90, 365)
USUAL_DAYS = 90
MOST_DAYS = 3650
LONGEST_NAME = 100
MOST_TOKENS = 50
"""The most tokens of one person that are in force at once."""
USED_EVERY = timedelta(minutes=1)
SETTING = "MELLOW_API_TOKEN"
"""The name of the token that the environment gives the first admin; no other token may have it."""
_LISTED = 100


class Bearer(NamedTuple):
    """Content of a valid token: who owns it, what it may be used for, and until when."""

    owner: Identity
    token_id: int
    scopes: frozenset[str]
    expires_at: datetime | None
    last_used_at: datetime | None


_users: Table = User.__table__  # type: ignore[assignment]
_tokens: Table = ApiToken.__table__  # type: ignore[assignment]
_BY_HASH = Prebuilt(
    select(
        *(_users.c[name] for name in Identity._fields if name in _users.c),
        *(_tokens.c[name] for name in ("id", "scopes", "expires_at", "last_used_at", "revoked_at")),
    ).where(_tokens.c.token_hash == bindparam("key"), _users.c.id == _tokens.c.user_id, _users.c.active)
)
_USED = Prebuilt(
    update(_tokens)
    .where(
        _tokens.c.id == bindparam("token"),
        or_(_tokens.c.last_used_at.is_(None), _tokens.c.last_used_at < bindparam("before")),
    )
    .values(last_used_at=bindparam("present"))
)


def bearer(session: Session, token: str) -> Bearer:
    """Return what a token stands for; raises NotSignedIn with the reason if it cannot be used (any more)."""
    rows = _BY_HASH.read(session, {"key": _hash(token)})
    if not rows:
        raise NotSignedIn("That API token is not known.")
    *owner, token_id, scopes, expires_at, last_used_at, revoked_at = rows[0]
    if revoked_at is not None:
        raise NotSignedIn("That API token was revoked: make another one on your account page.")
    if expires_at is not None and expires_at <= now():
        raise NotSignedIn("That API token has expired: make another one on your account page.")
    return Bearer(Identity(*owner), token_id, frozenset(scopes), expires_at, last_used_at)


def used(session: Session, token_id: int) -> None:
    """Note that a token was used, at most once a minute, also across processes."""
    present = now()
    values = {"token": token_id, "present": present, "before": present - USED_EVERY}
    if session.in_transaction():
        session.commit()  # releases the connection while this request waits for others
    write_with_others(session, lambda connection: _USED.run(connection, [values]))


def scopes_of(role: str) -> tuple[Scope, ...]:
    """Return the scopes that the tokens of a role may have, in the studio or in a project."""
    return tuple(Scope) if role == Role.ADMIN else (Scope.ANNOTATE, Scope.READ)


def scopes_for(session: Session, owner: User) -> tuple[Scope, ...]:
    """Return the scopes that a person's tokens may have: all for admins of the studio or of any project."""
    return scopes_of(Role.ADMIN if memberships.administers_any(session, owner) else owner.role)


def of_person(session: Session, user_id: int) -> list[ApiToken]:
    """Return a person's tokens: those in force first, then the latest of the others."""
    expired = and_(ApiToken.expires_at.is_not(None), ApiToken.expires_at <= now())
    over = or_(ApiToken.revoked_at.is_not(None), expired)
    found = select(ApiToken).where(ApiToken.user_id == user_id).order_by(over, ApiToken.id.desc()).limit(_LISTED)
    return list(session.scalars(found))


def state(token: ApiToken) -> str:
    """Return the state of a token: in force, revoked or expired."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now() else "in force"


def make(
    session: Session,
    user_id: int,
    name: str,
    scopes: Iterable[str],
    days: int | None,
    *,
    by: Bearer | None = None,
    form_key: str | None = None,
) -> tuple[ApiToken, str]:
    """Make a token of that person, good for so many days, None for no end; returns it with its secret.

    `by` is the token with which a program asks for it: it makes none that may do more, or for longer, than itself. A
    form is sent once: with its key again, nothing is made. Raises Invalid, Forbidden and Conflict.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=user_id,
        name=_checked_name(name),
        token_hash=_hash(secret),
        scopes=_checked_scopes(scopes),
        form_key=form_key,
        created_at=now(),
    )
    token.expires_at = _end_after(token.created_at, days)
    _check_reach(by, token.scopes)
    if by and by.expires_at and (token.expires_at is None or token.expires_at > by.expires_at):
        raise Forbidden("A token cannot make one that is good for longer than itself.")
    with write_transaction(session):
        _check_room(session, token)
        _add(session, user_id, token)
    return token, secret


def revoke(session: Session, by_id: int, user_id: int, token_id: int, *, by: Bearer | None = None) -> ApiToken:
    """Revoke a token of that person; repeating it changes nothing.

    `by` is the token with which a program asks for it: it revokes none that may do more than itself. Raises NotFound
    and Forbidden.
    """
    with write_transaction(session):
        token = session.get(ApiToken, token_id, with_for_update=True)
        if token is None or token.user_id != user_id:
            raise NotFound(gettext("There is no token %(id)s.", id=token_id))
        _check_reach(by, token.scopes)
        _end(session, by_id, token)
    return token


def follow_setting(session: Session, user_id: int, secret: str) -> bool:
    """Make the value of MELLOW_API_TOKEN that person's token with all scopes, and revoke the one of another value.

    Returns False for a value that was revoked before, on a page or by another value: it stays so.
    """
    with write_transaction(session):
        one_at_a_time(session, Turn.FIRST_ADMIN)
        kept = session.scalar(select(ApiToken).where(ApiToken.token_hash == _hash(secret)))
        for token in session.scalars(select(ApiToken).where(ApiToken.name == SETTING)).all():
            if token is not kept:
                _end(session, None, token)
        if kept is not None and kept.revoked_at is not None:
            return False
        if kept is None or (kept.user_id, kept.name) != (user_id, SETTING):
            token = kept or ApiToken(token_hash=_hash(secret))
            token.user_id, token.name, token.scopes, token.expires_at = user_id, SETTING, list(Scope), None
            _add(session, None, token)
    return True


def _add(session: Session, by_id: int | None, token: ApiToken) -> None:
    session.add(token)
    session.flush()
    until = token.expires_at.date().isoformat() if token.expires_at else None
    details = {"name": token.name, "scopes": token.scopes, "until": until}
    audit.record(session, by_id, "token.issued", f"user {token.user_id}", token=token.id, **details)


def _end(session: Session, by_id: int | None, token: ApiToken) -> None:
    if token.revoked_at is None:
        token.revoked_at = now()
        audit.record(session, by_id, "token.revoked", f"user {token.user_id}", token=token.id, name=token.name)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or "\x00" in name:
        raise Invalid(gettext("Name what will use the token, in at most %(most)s characters.", most=LONGEST_NAME))
    if name == SETTING:
        raise Invalid(
            gettext("%(setting)s is the name of the token in the settings: choose another one.", setting=SETTING)
        )
    return name


def _checked_scopes(scopes: Iterable[str]) -> list[str]:
    wanted = set(map(str, scopes))
    if unknown := wanted - set(Scope):
        raise Invalid(
            gettext(
                "There is no scope %(scope)s: choose among %(scopes)s.",
                scope=repr(min(unknown)),
                scopes=", ".join(Scope),
            )
        )
    if not wanted:
        raise Invalid(gettext("Choose at least one scope: %(scopes)s.", scopes=", ".join(Scope)))
    return [str(scope) for scope in Scope if scope in wanted]


def _check_reach(by: Bearer | None, scopes: Iterable[str]) -> None:
    """Raise Forbidden if a token asks for another one with scopes that it does not have itself."""
    missing = set(scopes) - by.scopes if by and Scope.ADMIN not in by.scopes else set()
    if missing:
        raise Forbidden(f"A token cannot make or revoke one of wider scope than its own: it lacks {min(missing)}.")


def _end_after(moment: datetime, days: int | None) -> datetime | None:
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise Invalid(gettext("A token may be good for 1 to %(most)s days, or have no end.", most=MOST_DAYS))
    return None if days is None else moment + timedelta(days=days)


def _check_room(session: Session, wanted: ApiToken) -> None:
    """Raise Forbidden or Conflict if its owner cannot have that token; their tokens come one after the other."""
    owner = session.get_one(User, wanted.user_id, with_for_update=True)
    if wanted.form_key and session.scalar(select(exists().where(ApiToken.form_key == wanted.form_key))):
        raise Conflict(gettext("This form was sent before: its token was shown then, and no second one was made."))
    if missing := set(wanted.scopes) - set(scopes_for(session, owner)):
        raise Forbidden(gettext("The scope %(scope)s is for admins.", scope=min(missing)))
    in_force = [token for token in of_person(session, owner.id) if state(token) == "in force"]
    if len(in_force) >= MOST_TOKENS:
        raise Conflict(gettext("There are %(number)s tokens in force already: revoke one first.", number=MOST_TOKENS))


def _hash(token: str) -> str:
    # Tokens are long and random, so a fast hash cannot be reversed by guessing; every API call computes it.
    return hashlib.sha256(token.encode()).hexdigest()
