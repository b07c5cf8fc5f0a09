"""Versions as the database knows them, and the alias that says which one serves."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Alias, AuditEvent, RunStatus, Version, now
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.versions import versions
from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, parts, rows

MANIFEST = Manifest(
    number=2,
    parent=1,
    run_id=7,
    method="dpo",
    config={"beta": 0.1},
    data_sha256="d" * 64,
    metrics={"preference_accuracy": 0.9},
    created_at="2026-11-21T10:00:00+00:00",
)


def test_a_published_version_is_recorded_once(session: Session) -> None:
    factories.version(session, 1)
    for _ in range(2):
        versions.record_version(session, MANIFEST, "/store/000002")
        session.commit()
    version = rows(session, Version)[1]
    assert (version.number, version.parent_number, version.run_id, version.method) == (2, 1, 7, "dpo")
    assert (version.location, version.sha256) == ("/store/000002", MANIFEST.sha256)
    assert version.metrics == {"preference_accuracy": 0.9}
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.subject, event.details) == ("version.published", "version 2", {"run": 7})


def test_the_alias_moves_forward_and_back_and_every_move_is_audited(session: Session, admin: Person) -> None:
    for number in (1, 2):
        factories.version(session, number)
    assert versions.serving_number(session) is None
    assert [versions.promote(session, number, admin.id) for number in (1, 2, 2, 1)] == [True, True, False, True]
    assert versions.serving_number(session) == 1
    (alias,) = rows(session, Alias)
    assert alias.moves == 3
    moves = [(event.user_id, event.action, event.subject, event.details) for event in rows(session, AuditEvent)]
    assert moves == [
        (admin.id, "alias.moved", "serving", {"before": None, "after": 1}),
        (admin.id, "alias.moved", "serving", {"before": 1, "after": 2}),
        (admin.id, "alias.moved", "serving", {"before": 2, "after": 1}),
    ]


def test_what_is_not_there_cannot_serve(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    factories.serving(session, 1)
    with pytest.raises(NotFound, match=r"^There is no version 9\.$"):
        versions.promote(session, 9, admin.id)
    assert versions.serving_number(session) == 1
    assert rows(session, AuditEvent) == []


def test_the_highest_number_is_that_of_the_newest_version(session: Session) -> None:
    assert versions.highest_number(session) == 0
    for number in (1, 2):
        factories.version(session, number)
    assert versions.highest_number(session) == 2
    assert [version.number for version in versions.all_versions(session)] == [2, 1]


def test_a_note_is_kept_and_one_that_is_too_long_is_refused(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    assert versions.set_note(session, admin.id, 1, " Too polite. ").note == "Too polite."
    long, unstored = "must be a text of at most 2000 characters", "holds characters that cannot be stored"
    for note, refusal in (("x" * 2001, long), ("a\x00b", unstored), (None, long)):
        with pytest.raises(Invalid, match=rf"^The note {refusal}\.$"):
            versions.set_note(session, admin.id, 1, note)
    assert rows(session, Version)[0].note == "Too polite."
    with pytest.raises(NotFound, match=r"^There is no version 2\.$"):
        versions.set_note(session, admin.id, 2, "x")
    versions.set_note(session, admin.id, 1, "Too polite.")
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id, event.subject) == ("version.noted", admin.id, "version 1")
    assert versions.set_note(session, admin.id, 1, "x" * 2000).note == "x" * 2000


@pytest.fixture
def store(app: Flask, session: Session, published: CheckpointStore) -> CheckpointStore:
    """The studio's store with versions 1 and 2, of which 1 serves."""
    for number in (1, 2):
        add_version(app, session, published, number)
    factories.serving(session, 1)
    return parts(app).store


def test_a_deleted_version_is_gone_from_the_store_and_stays_in_the_history(
    session: Session, admin: Person, store: CheckpointStore
) -> None:
    versions.delete(session, store, admin.id, 2, " 2 ")
    assert store.numbers() == [1]
    version = rows(session, Version)[1]
    assert version.deleted_at is not None
    event = rows(session, AuditEvent)[-1]
    assert (event.action, event.subject, event.details) == ("version.deleted", "version 2", {"sha256": version.sha256})
    for refused in (lambda: versions.promote(session, 2, admin.id), lambda: versions.usable(session, 2)):
        with pytest.raises(Conflict, match=r"^Version 2 was deleted: its files are gone\.$"):
            refused()
    with pytest.raises(Conflict, match=r"^Version 2 was deleted already\.$"):
        versions.delete(session, store, admin.id, 2, "2")
    assert versions.highest_number(session) == 2, "so that its number is never given again"


def test_what_serves_is_not_deleted(session: Session, admin: Person, store: CheckpointStore) -> None:
    with pytest.raises(Conflict, match=r"^Version 1 is live: make another version live before you delete it\.$"):
        versions.delete(session, store, admin.id, 1, "1")
    assert store.numbers() == [1, 2]
    assert rows(session, Version)[0].deleted_at is None


@pytest.mark.parametrize("named", [{"version": 2}, {"parent_version": 2}])
def test_a_version_that_a_waiting_run_names_in_its_settings_is_not_deleted(
    session: Session, admin: Person, store: CheckpointStore, named: dict[str, int]
) -> None:
    run = factories.run(session, config=named)
    with pytest.raises(Conflict, match=rf"^Run {run.id} starts from version 2: wait for it or cancel it first\.$"):
        versions.delete(session, store, admin.id, 2, "2")
    assert store.numbers() == [1, 2]


@pytest.mark.parametrize("confirmed", ["", "1", "22", "two", None])
def test_a_deletion_that_nobody_confirmed_does_nothing(
    session: Session, admin: Person, store: CheckpointStore, confirmed: str | None
) -> None:
    with pytest.raises(Invalid, match=r"^Type 2 to confirm that version 2 is to be deleted\.$"):
        versions.delete(session, store, admin.id, 2, confirmed)
    assert store.numbers() == [1, 2]


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING])
@pytest.mark.parametrize("named", [{"parent_version": 2}, {"parent_version": None, "config": {"version": 2}}])
def test_a_version_that_an_active_run_starts_from_is_not_deleted(
    session: Session, admin: Person, store: CheckpointStore, status: RunStatus, named: dict[str, Any]
) -> None:
    run = factories.run(session, status, **named)
    with pytest.raises(Conflict, match=rf"^Run {run.id} starts from version 2"):
        versions.delete(session, store, admin.id, 2, "2")
    run.status, run.wish = RunStatus.FAILED, None
    session.commit()
    versions.delete(session, store, admin.id, 2, "2")
    assert store.numbers() == [1]


def test_a_deletion_that_was_cut_short_is_finished_by_asking_again(
    session: Session, admin: Person, store: CheckpointStore
) -> None:
    version = versions.get(session, 2)
    version.deleted_at = now()
    session.commit()
    versions.delete(session, store, admin.id, 2, "2")
    assert store.numbers() == [1]


def test_those_that_served_before_are_named_the_latest_first_without_those_whose_files_are_gone(
    session: Session,
) -> None:
    admin = factories.user(session)
    for number in range(1, 5):
        factories.version(session, number)
    for number in (1, 2, 3, 2, 4):
        versions.promote(session, number, admin.id)
    assert versions.served_before(session) == [2, 3, 1]
    session.get_one(Version, 3).deleted_at = now()
    session.commit()
    assert versions.served_before(session) == [2, 1]
