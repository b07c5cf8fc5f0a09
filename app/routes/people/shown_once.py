"""A secret for the one page that comes next: that page may then be reloaded without making another."""

from __future__ import annotations

from flask import session

from app.access import user_id


def put(name: str, secret: str) -> None:
    """Keep it in the session cookie, for whoever is signed in."""
    session[name] = (user_id(), secret)


def take(name: str) -> str | None:
    """What was kept for whoever is signed in; it is gone afterwards."""
    owner, secret = session.pop(name, (None, None))
    return secret if owner == user_id() else None
