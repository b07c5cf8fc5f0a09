"""A secret for the next page only, which can be reloaded without making another one."""

from __future__ import annotations

from flask import session

from app.access import user_id


def put(name: str, secret: str) -> None:
    """Store the secret in the session cookie, for the person who is signed in."""
    session[name] = (user_id(), secret)


def take(name: str) -> str | None:
    """Return the secret of the person who is signed in and remove it; None if there is none."""
    owner, secret = session.pop(name, (None, None))
    return secret if owner == user_id() else None
