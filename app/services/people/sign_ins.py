"""Who signed in and out and who was refused, in the audit log; refusals are in the log of the program, too.

However many guesses somebody sends, few entries are written: of those that have to wait the first, tenth, hundredth …
of each wait, and of all refusals together the first of five minutes and then, too, each that is a power of ten.

What was typed for an email that nobody has may be a password in the wrong field. Only eight digits of its keyed hash
are stored: enough to see whether it is the same one again, and for nobody enough to know what it was.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.db import User, write_transaction
from app.services.people import accounts
from app.services.system import audit

NOTED_AT_ONCE = 60
"""Refusals of all people together that are noted one by one within five minutes."""

_DIGITS = 8

log = logging.getLogger(__name__)


class Guess(NamedTuple):
    """One guess that was refused: at which account, of what, from where, and who was signed in already.

    `what` is "password" or "code".
    """

    email: str
    what: str
    address: str
    by: int | None


def signed_in(session: Session, user: User, address: str) -> None:
    """Note that a person has signed in."""
    _note(session, user.id, "user.signed_in", f"user {user.id}", address=address)


def signed_out(session: Session, user_id: int, address: str) -> None:
    """Note that a person has signed out."""
    _note(session, user_id, "user.signed_out", f"user {user_id}", address=address)


def refused(session: Session, guess: Guess, nth: int, key: str) -> None:
    """Note a wrong guess, the `nth` refusal of all lately; `key` makes the hash of an unknown email."""
    if _is_noted(nth):
        subject, reason, details = _about(session, guess, key)
        log.warning("A guess at a %s from %s was wrong: %s, %s.", guess.what, guess.address, subject, reason)
        _note(session, guess.by, f"{_kind(guess)}.refused", subject, reason=reason, **details, **_so_far(nth))


def blocked(session: Session, guess: Guess, attempts: int, nth: int, key: str) -> None:
    """Note that guesses have to wait, `attempts` of them so far in this wait."""
    if _is_noted(nth):
        subject, _, details = _about(session, guess, key)
        log.warning(
            "Guesses at a %s from %s have to wait: %s, %d so far.", guess.what, guess.address, subject, attempts
        )
        _note(session, guess.by, f"{_kind(guess)}.blocked", subject, attempts=attempts, **details, **_so_far(nth))


def starts_a_decade(number: int) -> bool:
    """Return whether a number is 1, 10, 100 …"""
    return str(number).strip("0") == "1"


def _is_noted(nth: int) -> bool:
    return nth <= NOTED_AT_ONCE or starts_a_decade(nth)


def _so_far(nth: int) -> dict[str, int]:
    return {} if nth <= NOTED_AT_ONCE else {"refusals": nth}


def _kind(guess: Guess) -> str:
    return "sign_in" if guess.by is None else guess.what


def _about(session: Session, guess: Guess, key: str) -> tuple[str, str, dict[str, str]]:
    """Return whom a guess was about, why it was refused, and what else is known of it."""
    user, where = accounts.by_email(session, guess.email), {"address": guess.address}
    if user is None:
        digest = hmac.new(key.encode(), guess.email.strip().lower().encode(errors="surrogatepass"), hashlib.sha256)
        return "unknown email", "unknown email", where | {"hash": digest.hexdigest()[:_DIGITS]}
    return f"user {user.id}", f"wrong {guess.what}" if user.active else "deactivated", where


def _note(session: Session, by: int | None, action: str, subject: str, **details: str | int) -> None:
    with write_transaction(session):
        audit.record(session, by, action, subject, **details)
