"""The whole log is checked as it stands in the database or in a copy."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import AuditEvent, write_transaction
from app.domain_errors import Invalid
from app.services.system import audit, audit_copies
from tests import factories


@pytest.fixture(autouse=True)
def entries(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six entries, read two at a time."""
    monkeypatch.setattr(audit_copies, "_AT_ONCE", 2)
    monkeypatch.setattr(audit_copies, "_LINES_AT_ONCE", 2)
    monkeypatch.setattr(audit_copies, "NEWEST", 3)
    for number in range(1, 7):
        factories.audit_event(session, subject=f"user {number}", details={"email": f"{number}@example.org"})


def change(session: Session, statement: str) -> None:
    with write_transaction(session):
        session.execute(text(statement))


def copied(session: Session, after: int | None = None) -> list[bytes]:
    return b"".join(audit_copies.pieces(session, after)).splitlines()


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit_events SET subject = 'user 9' WHERE id = 3", "Entry 3 was changed."),
        ("UPDATE audit_events SET details = '{}' WHERE id = 6", "Entry 6 was changed."),
        pytest.param("UPDATE audit_events SET details = '{' WHERE id = 3", None, marks=pytest.mark.sqlite),
        pytest.param("UPDATE audit_events SET created_at = 'never' WHERE id = 3", None, marks=pytest.mark.sqlite),
        ("DELETE FROM audit_events WHERE id = 3", "Entries between entry 2 and entry 4 were removed."),
        ("DELETE FROM audit_events WHERE id = 1", "Entries before entry 2 were removed."),
        (
            "INSERT INTO audit_events SELECT -1, user_id, action, subject, details, created_at, seals, previous, hash "
            "FROM audit_events WHERE id = 3",
            "Entry -1 was inserted.",
        ),
    ],
)
def test_what_was_done_to_the_table_is_told(session: Session, statement: str, broken: str | None) -> None:
    change(session, statement)
    if broken is None:
        with pytest.raises(Invalid, match="Entries after entry 2 were changed: they cannot be read any more"):
            audit_copies.verify(session)
    else:
        found = audit_copies.verify(session).broken
        assert found is not None
        assert found.sentence == broken


def test_what_was_cut_off_is_missed_by_its_hash(session: Session) -> None:
    head = audit_copies.verify(session).head
    factories.audit_event(session)
    assert audit_copies.verify(session, head).wanted_at == 6
    change(session, "DELETE FROM audit_events WHERE id >= 6")
    found = audit_copies.verify(session, head)
    assert (found.broken, found.wanted_at, found.last) == (None, None, 5)


def test_the_newest_entries_can_be_checked_by_themselves(session: Session) -> None:
    change(session, "UPDATE audit_events SET subject = 'user 9' WHERE id = 3")
    found = audit_copies.verify_newest(session)
    assert (found.broken, found.count, found.first, found.last) == (None, 3, 4, 6)
    change(session, "UPDATE audit_events SET subject = 'user 9' WHERE id = 4")
    assert audit_copies.verify_newest(session).broken == (4, "Entry 4 was changed.")


def test_a_copy_has_every_entry_and_is_checked_like_the_log(session: Session) -> None:
    lines = copied(session)
    assert [json.loads(line)["subject"] for line in lines] == [f"user {number}" for number in range(1, 7)]
    found = audit_copies.verify_copy(lines)
    assert found == audit_copies.verify(session)
    assert audit_copies.verify_copy(lines, json.loads(lines[1])["hash"]).wanted_at == 2
    lines[3] = lines[3].replace(b"4@example.org", b"5@example.org")
    assert audit_copies.verify_copy(lines).broken == (4, "Entry 4 was changed.")


def test_a_copy_can_be_continued(session: Session) -> None:
    first = copied(session)
    factories.audit_event(session)
    rest = copied(session, 6)
    assert len(rest) == 1
    assert audit_copies.verify_copy(rest).first == 7
    assert audit_copies.verify_copy(first + rest) == audit_copies.verify(session)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"{}", b'{"id": 1}', b"\xff"])
def test_what_is_no_copy_is_refused_with_its_line(session: Session, line: bytes) -> None:
    with pytest.raises(Invalid, match=r"Line 2 of the copy is no entry of an audit log\."):
        audit_copies.verify_copy([*copied(session)[:1], line])
    with pytest.raises(Invalid, match=r"^The copy has no entries\.$"):
        audit_copies.verify_copy([])


def test_the_chain_still_holds_after_erasing_and_so_does_an_older_copy(session: Session) -> None:
    before = copied(session)
    with write_transaction(session):
        assert audit.erase(session, AuditEvent.subject == "user 3", {"email", "name"}) == 1
        assert audit.erase(session, AuditEvent.subject == "user 3", {"email"}) == 0
    found = audit_copies.verify(session)
    assert (found.broken, found.erased) == (None, 1)
    assert b"3@example.org" not in b"".join(copied(session))
    assert json.loads(copied(session)[2])["seals"]["email"][0] == ""
    assert audit_copies.verify_copy(before).head == found.head
