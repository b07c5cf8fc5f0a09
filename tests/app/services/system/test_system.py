"""What keeps the studio going: how much space there is, what waits, and the log of who did what."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import ACTIVE_STATUSES, RunStatus
from app.services.system import backups, system
from app.services.system.system import AuditFilter, Entry, Space
from tests import factories
from tests.studio import parts


def test_space_is_of_the_versions_the_database_and_the_backups(app: Flask, session: Session) -> None:
    settings = parts(app).settings
    (settings.store / "000001").mkdir(parents=True)
    (settings.store / "000001" / "file").write_bytes(b"x" * 1234)
    versions, database, kept = system.spaces(session, settings, backups.kept(settings))
    assert (versions.label, versions.used) == ("Versions", 1234)
    assert (database.used or 0) > 10_000
    assert (kept.used, kept.low) == (0, (kept.free or 0) < system.LOW_DISK_BYTES)
    assert (kept.free or 0) <= (kept.total or 0)


def log(session: Session, wanted: AuditFilter, before: int | None = None) -> list[Entry]:
    """The entries of a window of the audit log."""
    found = system.audit_window(session, wanted, before)
    return system.audit_entries(session, [number for number, _ in found.rows])


@pytest.mark.parametrize(
    ("free", "low"), [(system.LOW_DISK_BYTES, False), (system.LOW_DISK_BYTES - 1, True), (0, True), (None, False)]
)
def test_space_is_low_when_a_version_may_soon_not_fit(free: int | None, low: bool) -> None:
    assert Space("Versions", "/nowhere", 1, free, None).low == low


def test_runs_wait_as_long_as_they_are_queued_or_running(session: Session) -> None:
    assert system.waiting_runs(session) == 0
    for status in RunStatus:
        factories.run(session, status, wish=str(status) if status in ACTIVE_STATUSES else None)
    assert system.waiting_runs(session) == 2


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        (AuditFilter(), ["100%_sure", "user 7", "Serving"]),
        (AuditFilter(action="token.issued"), ["user 7"]),
        (AuditFilter(subject="SERV"), ["Serving"]),
        (AuditFilter(subject="%_"), ["100%_sure"]),
        (AuditFilter(since=date(2026, 3, 2)), ["100%_sure", "user 7"]),
        (AuditFilter(until=date(2026, 3, 1)), ["Serving"]),
        (AuditFilter(since=date(2026, 3, 2), until=date(2026, 3, 2)), ["user 7"]),
        (AuditFilter(action="alias.moved", subject="user"), []),
    ],
)
def test_the_log_has_the_entries_that_are_wanted_the_newest_first(
    session: Session, wanted: AuditFilter, subjects: list[str]
) -> None:
    for action, subject, moment in (
        ("alias.moved", "Serving", datetime(2026, 3, 1, 23, 59, tzinfo=UTC)),
        ("token.issued", "user 7", datetime(2026, 3, 2, tzinfo=UTC)),
        ("user.created", "100%_sure", datetime(2026, 3, 3, tzinfo=UTC)),
    ):
        factories.audit_event(session, action=action, subject=subject, created_at=moment)
    assert [entry.event.subject for entry in log(session, wanted)] == subjects


def test_an_entry_names_who_did_it_by_name_or_else_by_address(session: Session) -> None:
    ada, nameless = factories.user(session, name="Ada"), factories.user(session, name="")
    for user_id in (None, ada.id, nameless.id):
        factories.audit_event(session, user_id=user_id)
    assert [entry.who for entry in log(session, AuditFilter())] == [nameless.email, "Ada", None]
    (entry,) = log(session, AuditFilter(user_id=ada.id))
    assert entry.who == "Ada"


def test_the_log_goes_on_below_the_last_entry_of_a_page(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "MOST", 2)
    made = [factories.audit_event(session).id for _ in range(3)]
    first = log(session, AuditFilter())
    rest = log(session, AuditFilter(), before=first[-1].event.id)
    assert [entry.event.id for entry in first + rest] == made[::-1]
    assert len(first) == 2


def test_every_kind_of_deed_is_named_once(session: Session) -> None:
    for action in ("b", "a", "b"):
        factories.audit_event(session, action=action)
    assert system.actions(session) == ["a", "b"]
