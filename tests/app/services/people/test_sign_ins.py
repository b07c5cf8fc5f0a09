"""Who signed in and who was refused is noted, in few entries and without anything that may be a password."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent
from app.services.people import sign_ins
from app.services.people.sign_ins import NOTED_AT_ONCE, Guess
from tests import factories
from tests.studio import rows

HERE = "192.0.2.1"


def noted(session: Session) -> list[tuple[int | None, str, str, dict[str, object]]]:
    return [(event.user_id, event.action, event.subject, event.details) for event in rows(session, AuditEvent)]


def test_signing_in_and_out_is_noted_with_the_address(session: Session) -> None:
    user = factories.user(session)
    sign_ins.signed_in(session, user, HERE)
    sign_ins.signed_out(session, user.id, HERE)
    assert noted(session) == [
        (user.id, action, f"user {user.id}", {"address": HERE}) for action in ("user.signed_in", "user.signed_out")
    ]


def test_a_refusal_says_why(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    active, gone = factories.user(session), factories.user(session, active=False)
    for email, by in ((active.email.upper(), None), (gone.email, None), (active.email, active.id)):
        sign_ins.refused(session, Guess(email, "password", HERE, by), 1, "key")
    wrong = {"reason": "wrong password", "address": HERE}
    assert noted(session) == [
        (None, "sign_in.refused", f"user {active.id}", wrong),
        (None, "sign_in.refused", f"user {gone.id}", wrong | {"reason": "deactivated"}),
        (active.id, "password.refused", f"user {active.id}", wrong),
    ]
    assert caplog.messages[0] == f"A guess at a password from {HERE} was wrong: user {active.id}, wrong password."


def test_guesses_that_have_to_wait_are_noted_with_their_number(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    user = factories.user(session)
    sign_ins.blocked(session, Guess(user.email, "password", HERE, None), 12, 1, "key")
    details = {"attempts": 12, "address": HERE}
    assert noted(session) == [(None, "sign_in.blocked", f"user {user.id}", details)]
    assert caplog.messages == [f"Guesses at a password from {HERE} have to wait: user {user.id}, 12 so far."]


@pytest.mark.parametrize("typed", ["my secret password", "nobody@example.org", "\x00", "ü" * 5000])
def test_what_was_typed_for_an_email_that_nobody_has_is_not_stored(session: Session, typed: str) -> None:
    for key in ("key", "key", "another"):
        sign_ins.refused(session, Guess(typed, "password", HERE, None), 1, key)
    (first, again, elsewhere) = noted(session)
    assert first[1:3] == ("sign_in.refused", "unknown email")
    assert set(first[3]) == {"reason", "address", "hash"}
    assert (len(str(first[3]["hash"])), first[3]["hash"] == again[3]["hash"]) == (8, True)
    assert first[3]["hash"] != elsewhere[3]["hash"]
    assert typed not in str(first)


def test_thousands_of_refusals_are_few_entries(session: Session) -> None:
    guess = Guess("nobody@example.org", "password", HERE, None)
    for nth in range(NOTED_AT_ONCE - 1, 1002):
        sign_ins.refused(session, guess, nth, "key")
    sign_ins.blocked(session, guess, 100, 61, "key")
    sign_ins.blocked(session, guess, 100, 10_000, "key")
    assert [entry[3].get("refusals") for entry in noted(session)] == [None, None, 100, 1000, 10_000]
    assert noted(session)[-1][1] == "sign_in.blocked"
    assert noted(session)[-1][3]["attempts"] == 100


def test_decades_are_one_ten_a_hundred_and_so_on() -> None:
    assert [number for number in range(1, 1100) if sign_ins.starts_a_decade(number)] == [1, 10, 100, 1000]
