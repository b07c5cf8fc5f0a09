"""Sessions: how they begin, what ends them, and what is stored of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, SignInSession, User, now
from app.domain_errors import Forbidden, NotFound
from app.services.people import accounts, passwords, sessions
from app.services.people.sessions import Ending
from tests import factories
from tests.studio import parts, rows

IDLE = timedelta(hours=24)


@pytest.fixture
def ada(session: Session) -> User:
    return factories.user(session)


def is_open(session: Session, secret: str, idle: timedelta = IDLE) -> bool:
    return accounts.by_session(session, secret, idle) is not None


def only_session(session: Session) -> SignInSession:
    (found,) = rows(session, SignInSession)
    return found


def test_a_session_is_known_by_its_secret_of_which_only_a_hash_is_stored(session: Session, ada: User) -> None:
    secret = factories.sign_in(session, ada)
    found = accounts.by_session(session, secret, IDLE)
    assert found is not None
    row = only_session(session)
    assert (found.id, found.email, found.session_id) == (ada.id, ada.email, row.id)
    assert (found.last_used_at, found.confirmed_at) == (row.last_used_at, row.confirmed_at)
    assert found.must_change_password is False
    assert (row.address, row.browser) == ("192.0.2.7", "Firefox on Linux")
    assert secret not in str(vars(row))
    for wrong in ("", "x", row.secret_hash, "\x00"):
        assert not is_open(session, wrong)


def test_two_sign_ins_are_two_sessions(session: Session, ada: User) -> None:
    first, second = (factories.sign_in(session, ada) for _ in range(2))
    sessions.end(session, ada.id, ada.id, rows(session, SignInSession)[0].id, Ending.SIGNED_OUT)
    assert (is_open(session, first), is_open(session, second)) == (False, True)


def test_a_session_is_over_after_an_idle_time_and_after_its_longest_time(session: Session, ada: User) -> None:
    secret = factories.sign_in(session, ada)
    row = only_session(session)
    row.last_used_at = now() - timedelta(hours=23)
    session.commit()
    assert (is_open(session, secret), is_open(session, secret, timedelta(hours=22))) == (True, False)
    row.last_used_at, row.expires_at = now(), now() - timedelta(seconds=1)
    session.commit()
    assert not is_open(session, secret)
    assert [why for _, why in sessions.of_person(session, ada.id, IDLE)] == ["expired"]


def test_being_used_is_noted_at_most_once_a_minute(session: Session, ada: User) -> None:
    factories.sign_in(session, ada)
    row = only_session(session)
    at_first = row.last_used_at
    accounts.seen(session, ada.id, row.id)
    assert only_session(session).last_used_at == at_first
    earlier = now() - timedelta(minutes=2)
    row.last_used_at, ada.last_seen_at = earlier, earlier
    session.commit()
    accounts.seen(session, ada.id, row.id)
    session.expire_all()
    assert row.last_used_at > at_first
    assert ada.last_seen_at == row.last_used_at


def test_whose_password_was_changed_meanwhile_begins_no_session(app: Flask, session: Session, ada: User) -> None:
    assert accounts.authenticate(session, ada.email, factories.PASSWORD) is ada
    with parts(app).sessions() as theirs:
        passwords.set_password(theirs, ada.email, "nine quiet otters")
    with pytest.raises(Forbidden, match=r"^The account was changed meanwhile: sign in again\.$"):
        factories.sign_in(session, ada)
    assert rows(session, SignInSession) == []


def test_who_was_deactivated_meanwhile_begins_no_session(app: Flask, session: Session, ada: User) -> None:
    other = factories.user(session).id
    assert accounts.authenticate(session, ada.email, factories.PASSWORD) is ada
    with parts(app).sessions() as theirs:
        accounts.set_active(theirs, other, ada.id, False)
    with pytest.raises(Forbidden, match=r"^The account was changed meanwhile: sign in again\.$"):
        factories.sign_in(session, ada)
    assert rows(session, SignInSession) == []


def test_deactivation_ends_every_session_for_good(session: Session, ada: User) -> None:
    secret, other = factories.sign_in(session, ada), factories.user(session)
    theirs = factories.sign_in(session, other)
    accounts.set_active(session, other.id, ada.id, False)
    accounts.set_active(session, other.id, ada.id, True)
    assert (is_open(session, secret), is_open(session, theirs)) == (False, True)
    ended = rows(session, AuditEvent)[0]
    assert (ended.action, ended.user_id, ended.subject) == ("sessions.ended", other.id, f"user {ada.id}")
    assert ended.details == {"number": 1, "why": "ended when the account was deactivated"}


def test_ending_one_session_is_audited_once_and_says_by_whom(session: Session, ada: User) -> None:
    factories.sign_in(session, ada)
    row, admin = only_session(session), factories.user(session)
    for _ in range(2):
        sessions.end(session, admin.id, ada.id, row.id, Ending.ADMIN)
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id, event.subject) == ("session.ended", admin.id, f"session {row.id}")
    assert event.details == {"user": ada.id, "why": "ended by an admin"}
    assert [why for _, why in sessions.of_person(session, ada.id, IDLE)] == ["ended by an admin"]


def test_a_session_can_be_ended_as_that_persons_only(session: Session, ada: User) -> None:
    secret, other = factories.sign_in(session, ada), factories.user(session)
    for person, number in ((other.id, only_session(session).id), (ada.id, 99)):
        with pytest.raises(NotFound, match=rf"^This person has no session {number}\.$"):
            sessions.end(session, person, person, number, Ending.ELSEWHERE)
    assert is_open(session, secret)


def test_all_sessions_but_one_are_ended_at_once(session: Session, ada: User) -> None:
    secrets = [factories.sign_in(session, ada) for _ in range(3)]
    here = rows(session, SignInSession)[1].id
    assert sessions.end_others(session, ada.id, ada.id, Ending.ELSEWHERE, here) == 2
    assert [is_open(session, secret) for secret in secrets] == [False, True, False]
    assert sessions.end_others(session, ada.id, ada.id, Ending.ELSEWHERE, here) == 0
    assert len(rows(session, AuditEvent)) == 1
    assert [one.id for one, why in sessions.of_person(session, ada.id, IDLE) if not why] == [here]


def test_a_session_that_expired_a_month_ago_is_forgotten_at_the_next_sign_in(session: Session, ada: User) -> None:
    for days in (31, 29):
        factories.sign_in(session, ada)
        rows(session, SignInSession)[-1].expires_at = now() - timedelta(days=days)
        session.commit()
    factories.sign_in(session, ada)
    kept, _ = rows(session, SignInSession)
    assert now() - kept.expires_at < timedelta(days=30)
