"""Versions as the database knows them, and the alias that says which one serves."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import Alias, AuditEvent, Version
from app.errors import NotFound
from app.services import versions
from models.manifest import Manifest
from tests import factories
from tests.studio import Person, rows

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
