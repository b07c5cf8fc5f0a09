"""The audit log: an entry is stored exactly if the deed it tells of is."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt, now, write_transaction
from app.services.prompts import prompts
from app.services.system import audit
from tests.studio import Person, rows


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
    assert (rows(session, AuditEvent), rows(session, Prompt)) == ([], [])
