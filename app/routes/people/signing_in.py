"""The gate of every way to sign in, and of every question for the present password or a code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from flask_login import current_user

from app import access
from app.context import mellow
from app.db import User
from app.domain_errors import Forbidden
from app.extensions import db
from app.routes.people import known_browser
from app.runtime.throttle import TooManyGuesses
from app.services.people import sign_ins
from app.services.people.sign_ins import Guess

_LONGEST_ADDRESS = 45  # of IPv6; a proxy could send anything


@contextmanager
def guarded(email: str, what: str) -> Iterator[None]:
    """Count the block as one guess at an account's `what` ("password", "code"); it raises Forbidden for a wrong one.

    Raises TooManyGuesses, without running the block, after too many wrong ones. Both are written into the audit log.
    """
    throttle, key = mellow().throttle, mellow().settings.secret_key
    by = access.user_id() if current_user.is_authenticated else None
    guess = Guess(email, what, address(), by)
    try:
        with throttle.attempt(email, guess.address, known_browser.of(email)):
            yield
    except TooManyGuesses as refusal:
        if sign_ins.starts_a_decade(refusal.nth):
            sign_ins.blocked(db.session(), guess, refusal.nth, throttle.nth_refusal(), key)
        raise
    except Forbidden:
        sign_ins.refused(db.session(), guess, throttle.nth_refusal(), key)
        raise


def let_in(user: User) -> None:
    """Begin a session for a person who has shown who they are."""
    access.sign_in(user)
    known_browser.remember(user.email)
    sign_ins.signed_in(db.session(), user, address())


def address() -> str:
    """Return the address of the present request's client; empty if there is none, as on a Unix socket."""
    return (request.remote_addr or "")[:_LONGEST_ADDRESS]
