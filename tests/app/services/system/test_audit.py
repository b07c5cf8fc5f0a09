"""The audit log: an entry is stored exactly if the deed it tells of is, and each follows the one before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt, Role, User, now, write_transaction
from app.services.people import accounts
from app.services.prompts import prompts
from app.services.system import audit, audit_copies
from app.services.system.audit_chain import FIRST_PREVIOUS
from tests import factories
from tests.studio import Person, parts, rows


def test_an_entry_says_who_did_what_to_what_when_and_how(session: Session, admin: Person) -> None:
    before = now()
    with write_transaction(session):
        audit.record(session, admin.id, "prompt.changed", "prompt 7", priority=3, words=["ä", None])
    (event,) = rows(session, AuditEvent)
    assert (event.user_id, event.action, event.subject) == (admin.id, "prompt.changed", "prompt 7")
    assert event.details == {"priority": 3, "words": ["ä", None]}
    assert before <= event.created_at <= now()


def test_what_mellow_did_by_itself_has_nobody_who_did_it(session: Session) -> None:
    with write_transaction(session):
        audit.record(session, None, "alias.moved", "serving")
    (event,) = rows(session, AuditEvent)
    assert (event.user_id, event.details) == (None, {})


def test_a_deed_that_is_rolled_back_leaves_no_entry(session: Session, admin: Person) -> None:
    def fail() -> None:
        with write_transaction(session):
            prompts.find_or_add(session, "you fool", "typed")
            audit.record(session, admin.id, "prompt.added", "you fool")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    accounts.set_active(session, admin.id, factories.user(session).id, False)
    assert [event.action for event in rows(session, AuditEvent)] == ["user.deactivated"]
    assert rows(session, Prompt) == []


def test_each_entry_has_the_hash_of_the_one_before(session: Session) -> None:
    with write_transaction(session):
        audit.record(session, None, "one", "test", role=Role.ADMIN, pair=(1, 2))
        audit.record(session, None, "two", "test")
    with write_transaction(session):
        audit.record(session, None, "three", "test")
    events = rows(session, AuditEvent)
    assert [event.id for event in events] == [1, 2, 3]
    assert [event.previous for event in events] == [FIRST_PREVIOUS, events[0].hash, events[1].hash]
    assert events[0].details == {"role": "admin", "pair": [1, 2]}
    assert audit_copies.verify(session).broken is None


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Flask:
    """An application on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    return app


@pytest.mark.long
def test_those_who_write_at_once_make_one_chain(either: Flask) -> None:
    ready, each = Barrier(8), 10

    def write(number: int) -> None:
        with parts(either).sessions() as session:
            ready.wait(30)
            for _ in range(each):
                with write_transaction(session):
                    audit.record(session, None, "test", f"writer {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with parts(either).sessions() as session:
        found = audit_copies.verify(session)
        assert (found.broken, found.count, found.first, found.last) == (None, 8 * each, 1, 8 * each)


@pytest.mark.long
def test_those_who_note_something_before_they_change_the_same_row_do_not_block_each_other(either: Flask) -> None:
    """On PostgreSQL one that waited for the row while it held the chain would wait for ever."""
    with parts(either).sessions() as session:
        ids = [factories.user(session).id for _ in range(2)]
    ready = Barrier(4)

    def rename(number: int) -> None:
        with parts(either).sessions() as session:
            ready.wait(30)
            for turn in range(10):
                with write_transaction(session):
                    user = session.get_one(User, ids[turn % 2])
                    if number % 2:
                        audit.record(session, None, "test", "before")
                    user.name = f"{number} {turn}"
                    session.flush()
                    if not number % 2:
                        audit.record(session, None, "test", "after")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(rename, range(4)))
    with parts(either).sessions() as session:
        assert (audit_copies.verify(session).broken, len(rows(session, AuditEvent))) == (None, 40)


def test_the_details_of_a_person_are_erased_from_their_entries_alone(session: Session) -> None:
    for number in (1, 2):
        factories.audit_event(session, subject=f"user {number}", details={"email": f"{number}@a.org", "role": "admin"})
    with write_transaction(session):
        assert audit.erase(session, AuditEvent.subject == "user 1", {"email", "name"}) == 1
    first, second = rows(session, AuditEvent)
    assert first.details == {"role": "admin"}
    assert (first.seals["email"][0], bool(first.seals["role"][0])) == ("", True)
    assert second.details == {"email": "2@a.org", "role": "admin"}
    assert audit_copies.verify(session).broken is None
