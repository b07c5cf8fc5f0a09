"""What an operator does with the audit log from a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import AuditEvent, write_transaction
from tests import factories
from tests.app.cli.running import run
from tests.studio import rows


@pytest.fixture
def head(session: Session) -> str:
    """The hash of the last of three entries."""
    return [factories.audit_event(session, details={"email": "ada@example.org"}) for _ in range(3)][-1].hash


def change(session: Session, statement: str) -> None:
    with write_transaction(session):
        session.execute(text(statement))


@pytest.fixture
def copy(app: Flask, head: str, tmp_path: Path) -> Path:
    """A copy of them."""
    path = tmp_path / "copy.jsonl"
    path.write_bytes(run(app, "audit", "export").stdout_bytes)
    return path


def test_a_log_that_holds_is_told_with_its_count_and_head(app: Flask, session: Session, head: str) -> None:
    result = run(app, "audit", "verify")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"The chain holds: 3 entries (1 to 3), 0 details erased.\nhead {head}\n"
    factories.audit_event(session)
    later = run(app, "audit", "verify", "--head", head)
    assert (later.exit_code, later.stdout.splitlines()[-1]) == (0, "The entry with the given hash is 3.")


def test_the_log_holds_once_a_person_is_deleted(app: Flask, session: Session) -> None:
    run(app, "create-user", "ada@example.org", "--password", "a calm password")
    run(app, "create-user", "bob@example.org", "--password", "a calm password")
    deleted = run(app, "delete-person", "ada@example.org")
    assert (deleted.exit_code, deleted.stderr) == (0, "")
    result = run(app, "audit", "verify")
    assert result.exit_code == 0
    assert result.stdout.startswith("The chain holds: 3 entries (1 to 3), 1 details erased.\n")
    assert [event.details.get("email") for event in rows(session, AuditEvent)] == [None, "bob@example.org", None]


def test_an_empty_log_holds(app: Flask) -> None:
    assert run(app, "audit", "verify").stdout.startswith("The chain holds: 0 entries, 0 details erased.\n")


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE audit_events SET user_id = NULL, action = 'x' WHERE id = 2",
            "The chain breaks at entry 2. Entry 2 was changed.",
        ),
        (
            "DELETE FROM audit_events WHERE id = 2",
            "The chain breaks at entry 3. Entries between entry 1 and entry 3 were removed.",
        ),
        (
            "INSERT INTO audit_events SELECT 4, user_id, action, subject, details, created_at, seals, previous, hash "
            "FROM audit_events WHERE id = 1",
            "The chain breaks at entry 4. Entry 4 was inserted, or it and what stood before it were changed.",
        ),
    ],
)
def test_a_log_that_was_tampered_with_ends_in_1_and_says_where(
    app: Flask, session: Session, head: str, statement: str, sentence: str
) -> None:
    change(session, statement)
    result = run(app, "audit", "verify")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {sentence}\n")


def test_what_was_cut_off_at_the_end_is_missed_by_a_hash_and_by_a_copy(
    app: Flask, session: Session, head: str, copy: Path
) -> None:
    assert run(app, "audit", "verify", "--head", str(copy)).exit_code == 0
    change(session, "DELETE FROM audit_events WHERE id = 3")
    assert run(app, "audit", "verify").exit_code == 0
    for given in (head, str(copy)):
        result = run(app, "audit", "verify", "--head", given)
        said = f"Error: No entry has the hash {head}: entries were removed from the end, or all of it is new.\n"
        assert (result.exit_code, result.stderr) == (1, said)


def test_a_copy_is_checked_without_the_log(app: Flask, session: Session, head: str, copy: Path) -> None:
    change(session, "DELETE FROM audit_events")
    result = run(app, "audit", "verify", "--file", str(copy))
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"head {head}")
    copy.write_bytes(copy.read_bytes().replace(b"ada@", b"eve@", 1))
    result = run(app, "audit", "verify", "--file", str(copy))
    assert (result.exit_code, result.stderr) == (1, "Error: The chain breaks at entry 1. Entry 1 was changed.\n")
    result = run(app, "audit", "verify", "--head", str(copy))
    said = f"Error: The chain of the copy {copy} breaks at entry 1. Entry 1 was changed.\n"
    assert (result.exit_code, result.stderr) == (1, said)


def test_a_copy_is_continued_with_what_came_after_it(app: Flask, session: Session, copy: Path) -> None:
    factories.audit_event(session)
    with copy.open("ab") as file:
        file.write(run(app, "audit", "export", "--since", "3").stdout_bytes)
    result = run(app, "audit", "verify", "--file", str(copy), "--head", rows(session, AuditEvent)[-1].hash)
    assert result.stdout.splitlines()[-1] == "The entry with the given hash is 4."


def test_a_head_that_is_neither_hash_nor_copy_is_refused(app: Flask, tmp_path: Path) -> None:
    result = run(app, "audit", "verify", "--head", str(tmp_path / "none"))
    assert (result.exit_code, result.stderr) == (1, f"Error: {tmp_path / 'none'}: No such file or directory.\n")
