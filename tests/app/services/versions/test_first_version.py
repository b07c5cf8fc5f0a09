"""The first version of a project: a copy that serves there, and shares its files with the original."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import FIRST, AuditEvent, ForgettingKind, RunStatus, Version, sessions_of, write_transaction
from app.domain_errors import Conflict, NotFound
from app.services.versions import forgetting, learned, versions
from app.services.versions.first_version import publish_first
from app.services.versions.forgetting import Forgotten
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, parts, rows


def test_a_project_begins_with_the_base_checkpoint_whose_files_it_shares(
    app: Flask, session: Session, version_1: int, admin: Person
) -> None:
    project, store = factories.project(session).id, parts(app).store
    number = publish_first(session, store, project, admin.id, None)
    assert number == 2
    original, copy = (store.folder(one) / "model" / "model.safetensors" for one in (1, 2))
    assert original.samefile(copy)
    assert (store.verify(2).config, store.manifest(2).parent) == ({"copy_of": 1}, 1)
    with sessions_of(parts(app).studio_sessions, project)() as second:
        assert [(one.number, one.method, one.parent_number) for one in rows(second, Version)] == [(2, "copy", 1)]
        assert versions.serving_number(second) == 2
    assert [one.number for one in rows(session, Version)] == [1]
    assert versions.serving_number(session) == 1
    moved = rows(session, AuditEvent)[-1]
    assert (moved.user_id, moved.subject, moved.details["project"]) == (admin.id, f"serving {project}", "second")

    store.remove(1)
    assert store.verify(2).number == 2, "the copy does not need the original"


def test_it_can_be_a_copy_of_any_version_but_only_a_first_one(
    app: Flask, session: Session, published: CheckpointStore, version_1: int
) -> None:
    store = parts(app).store
    add_version(app, session, published, 2)
    second, third = (factories.project(session, slug).id for slug in ("second", "third"))
    assert publish_first(session, store, second, None, 2) == 3
    assert publish_first(session, store, third, None, 3) == 4
    with pytest.raises(Conflict, match="has a version already"):
        publish_first(session, store, third, None, 1)
    with pytest.raises(NotFound):
        publish_first(session, store, factories.project(session, "fourth").id, None, 9)
    assert store.numbers() == [1, 2, 3, 4]


def test_a_number_that_is_taken_in_the_store_is_passed_over(
    app: Flask, session: Session, published: CheckpointStore, version_1: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, free = parts(app).store, CheckpointStore.next_number
    asked: list[int] = []

    def next_number(self: CheckpointStore, at_least: int = 1) -> int:
        """Return a number, which somebody else publishes at the first time."""
        number = free(self, at_least)
        if not asked:
            add_version(app, session, published, number)
        asked.append(number)
        return number

    monkeypatch.setattr(CheckpointStore, "next_number", next_number)
    assert publish_first(session, store, factories.project(session).id, None, None) == 3
    assert asked == [2, 3]


def test_what_the_original_learned_from_the_copy_has_learned_from(
    app: Flask, session: Session, published: CheckpointStore, version_1: int
) -> None:
    add_version(app, session, published, 2)
    person = factories.user(session).id
    judgment = factories.judgment(session, factories.generation(session, person))
    run = factories.run(session, RunStatus.SUCCEEDED, judgments=learned.pack([judgment.id]))
    with write_transaction(session):
        versions.get(session, 2).run_id = run.id
    project = factories.project(session).id
    publish_first(session, parts(app).store, project, None, 2)
    meant = Forgotten(ForgettingKind.PERSON, person)
    with sessions_of(parts(app).studio_sessions, project)() as second:
        (copy,) = forgetting.learners(second, meant)
        assert (copy.version.number, copy.inherited) == (3, True)
    assert [(one.slug, one.judgments, one.versions) for one in forgetting.elsewhere(session, meant)] == [
        ("second", 0, (3,))
    ]
    assert session.info.get("project", FIRST) == FIRST
