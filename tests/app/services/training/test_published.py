"""Versions whose files lie in the store without a row: those of ended runs are recorded, and nothing is removed."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, RunStatus, TrainingRun, Version
from app.services.training import published
from app.services.training.published import Leftovers
from app.services.versions import versions
from models.model_errors import StoreAway
from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import parts, rows


@pytest.fixture
def store(app: Flask) -> CheckpointStore:
    return parts(app).store


def publish(store: CheckpointStore, run: TrainingRun, number: int = 2, **changes: Any) -> Manifest:
    """The files of a version as a worker leaves them that is killed before its transaction ends."""
    manifest = Manifest(number, 1, run.id, run.method, {}, "", {"parity": 0.0}, "2026-11-21T10:00:00+00:00")
    with store.stage() as staged:
        (staged / "weights").write_bytes(b"weights")
        sealed = store.seal(staged, dataclasses.replace(manifest, **{"run_key": run.key} | changes))
        store.publish(staged, number)
    return sealed


def known(session: Session) -> list[int]:
    return [version.number for version in rows(session, Version)]


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_what_an_ended_run_left_is_recorded_and_does_not_serve(
    session: Session, store: CheckpointStore, status: RunStatus, caplog: pytest.LogCaptureFixture
) -> None:
    run = factories.run(
        session, status, error="The worker died 3 times without getting further, at last while it was publishing."
    )
    factories.serving(session, 1)
    manifest = publish(store, run)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            Leftovers(store).look(session)
    found = "Version 2, published by a worker that died, was found and recorded."
    assert caplog.messages == [f"Run {run.id}: {found}"]
    version = rows(session, Version)[1]
    assert (version.number, version.run_id, version.sha256) == (2, run.id, manifest.sha256)
    assert (version.parent_number, Path(version.location)) == (1, store.folder(2))
    assert versions.serving_number(session) == 1
    session.refresh(run)
    assert (run.status, run.log) == (status, found)
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.user_id, event.subject) == ("version.published", None, "version 2")
    assert event.details == {"run": run.id}


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING])
def test_what_belongs_to_an_active_run_is_left_to_its_next_attempt(
    session: Session, store: CheckpointStore, status: RunStatus
) -> None:
    run = factories.run(session, status)
    publish(store, run)
    leftovers = Leftovers(store)
    leftovers.look(session)
    assert known(session) == [1]
    run.status, run.wish = RunStatus.FAILED, None
    session.commit()
    leftovers.look(session)
    assert known(session) == [1, 2]


@pytest.mark.parametrize("changes", [{"run_key": "0" * 32}, {"run_key": None}, {"run_id": 99}])
def test_what_no_run_of_this_database_made_is_left_alone(
    session: Session, store: CheckpointStore, changes: dict[str, Any]
) -> None:
    run = factories.run(session, RunStatus.FAILED)
    publish(store, run, **changes)
    Leftovers(store).look(session)
    assert known(session) == [1]
    assert store.verify(2).number == 2


def test_a_second_version_of_a_run_and_one_without_its_parent_are_recorded_without_them(
    session: Session, store: CheckpointStore
) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED)
    factories.version(session, 3, parent_number=1, run_id=run.id)
    publish(store, run, parent=77)
    Leftovers(store).look(session)
    (found,) = (version for version in rows(session, Version) if version.number == 2)
    assert (found.run_id, found.parent_number) == (None, None)


def test_a_damaged_folder_is_told_once_and_left(
    session: Session, store: CheckpointStore, caplog: pytest.LogCaptureFixture
) -> None:
    run = factories.run(session, RunStatus.FAILED)
    publish(store, run)
    publish(store, run, number=3)
    (store.folder(2) / "manifest.json").write_text("{}")
    leftovers = Leftovers(store)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            leftovers.look(session)
    assert len([line for line in caplog.messages if line.startswith("Version 2 of the store is not recorded:")]) == 1
    assert known(session) == [1, 3]
    assert store.place(2).is_dir()


def test_what_could_not_be_read_while_the_store_was_away_is_recorded_later(
    session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, factories.run(session, RunStatus.FAILED))
    leftovers = Leftovers(store)

    def away(_store: CheckpointStore, _manifest: Manifest, _name: str) -> bytes | None:
        raise StoreAway("The store does not answer.")

    with monkeypatch.context() as for_now:
        for_now.setattr(CheckpointStore, "read", away)
        with pytest.raises(StoreAway):
            leftovers.look(session)
    assert known(session) == [1]
    leftovers.look(session)
    assert known(session) == [1, 2]


def test_the_store_is_listed_when_something_happened_or_it_was_away_or_long_ago(
    session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[int] | StoreAway] = []

    def numbers(_store: CheckpointStore) -> list[int]:
        answer = answers.pop()
        if isinstance(answer, StoreAway):
            raise answer
        return answer

    def listings(leftovers: Leftovers, *given: list[int] | StoreAway) -> int:
        answers[:] = given
        leftovers.look(session)
        return len(given) - len(answers)

    monkeypatch.setattr(CheckpointStore, "numbers", numbers)
    leftovers, run = Leftovers(store), factories.run(session)
    assert [listings(leftovers, []) for _ in range(3)] == [1, 0, 0]
    run.status, run.wish = RunStatus.FAILED, None
    session.commit()
    with pytest.raises(StoreAway):
        listings(leftovers, StoreAway("The store does not answer."))
    assert [listings(leftovers, []) for _ in range(2)] == [1, 0]
    factories.version(session, 9, parent_number=1)
    assert [listings(leftovers, []) for _ in range(2)] == [1, 0]
    monkeypatch.setattr(published, "LIST_SECONDS", 0.0)
    assert listings(leftovers, []) == 1
