"""Each check finds what it is there for, and nothing in a studio that kept its word."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RunStatus, Version, now
from models.store.store import CheckpointStore
from tests import factories
from tests.chaos import checks
from tests.chaos.checks import Found, RunWatch, check_counts, check_database, check_judgments, check_versions, snapshot
from tests.chaos.people.journal import Gesture
from tests.studio import Person, add_version, parts


@pytest.fixture
def database(app: Flask) -> Path:
    return parts(app).settings.home / "mellow.db"


@pytest.fixture
def gestures(session: Session, annotator: Person) -> dict[str, Gesture]:
    """A choice that stands and one that was undone, both acknowledged."""
    made = {}
    for undone in (False, True):
        screen = factories.generation(session, annotator.id, ["a", "b", "c"])
        key = str(uuid.uuid4())
        body = {
            "generation_id": screen.id,
            "verdict": "chosen",
            "candidate_id": screen.candidates[0].id,
            "client_key": key,
        }
        answer = annotator.post("/judgments", body).json
        assert answer
        if undone:
            annotator.call("DELETE", f"/judgments/{answer['id']}")
        made[key] = Gesture(1, body, answer["id"], taken_back=undone, undone=undone)
    return made


def look(database: Path, gestures: dict[str, Gesture]) -> Found:
    found = Found()
    with snapshot(database) as connection:
        check_database(connection, found)
        check_judgments(connection, gestures, found)
    return found


def change(database: Path, script: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)


def test_a_studio_that_kept_its_word_has_no_fault(database: Path, gestures: dict[str, Gesture]) -> None:
    assert look(database, gestures) == Found(acknowledged=2)


@pytest.mark.parametrize(
    ("script", "missing", "doubled", "fault"),
    [
        ("DELETE FROM preferences WHERE judgment_id = 1; DELETE FROM judgments WHERE id = 1", 1, 0, "is None"),
        ("UPDATE judgments SET undone_at = NULL", 0, 0, "stands, but was undone"),
        ("UPDATE judgments SET undone_at = created_at", 0, 0, "nobody undid it"),
        ("UPDATE judgments SET candidate_id = 2 WHERE id = 1", 0, 0, "is not what was said"),
        ("DELETE FROM preferences WHERE id = 1", 0, 0, "1 preferences are missing and 0"),
        (
            "INSERT INTO preferences (judgment_id, prompt, chosen, rejected, weight)"
            " SELECT judgment_id, prompt, chosen, rejected, weight FROM preferences WHERE id = 1",
            0,
            0,
            "0 preferences are missing and 1",
        ),
        (
            "INSERT INTO judgments (generation_id, user_id, verdict, flagged, client_key, imported, created_at)"
            " SELECT generation_id, user_id, 'none', 0, 'another', 0, created_at FROM judgments WHERE id = 2",
            0,
            1,
            "1 judgments were never acknowledged",
        ),
        ("PRAGMA foreign_keys = OFF; DELETE FROM users", 0, 0, "refer to rows that are not there"),
    ],
)
def test_what_was_lost_doubled_or_changed_is_found(
    database: Path, gestures: dict[str, Gesture], script: str, missing: int, doubled: int, fault: str
) -> None:
    change(database, script)
    found = look(database, gestures)
    assert (found.missing, found.doubled) == (missing, doubled)
    assert fault in " ".join(found.faults)


def test_counts_that_are_not_those_of_the_rows_are_found(
    app: Flask, database: Path, gestures: dict[str, Gesture]
) -> None:
    metrics = app.test_client().get("/metrics").text
    found = Found()
    with snapshot(database) as connection:
        check_counts(connection, metrics, found)
        assert found.faults == []
        check_counts(connection, metrics.replace("mellow_judgments 1.0", "mellow_judgments 2.0"), found)
    assert found.faults == ["/metrics says 2.0 judgments, stored are 1"]


@pytest.fixture
def store(app: Flask, session: Session, version_1: int, published: CheckpointStore) -> CheckpointStore:
    """A store with the version that serves and another one."""
    add_version(app, session, published, 2)
    return parts(app).store


def look_at_versions(database: Path, store: CheckpointStore) -> Found:
    found = Found()
    check_versions(database, store, found)
    return found


def cut_a_file(store: CheckpointStore) -> None:
    next((store.folder(2) / "serving").glob("*.bin")).write_bytes(b"half")


def lose_a_folder(store: CheckpointStore) -> None:
    shutil.rmtree(store.folder(2))


def leave_a_strange_folder(store: CheckpointStore) -> None:
    (store.root / "000003.part").mkdir()


def test_whole_versions_have_no_fault(database: Path, store: CheckpointStore) -> None:
    assert look_at_versions(database, store) == Found(published=1)


@pytest.mark.parametrize("damage", [cut_a_file, lose_a_folder, leave_a_strange_folder])
def test_half_a_version_is_found(
    database: Path, store: CheckpointStore, damage: Callable[[CheckpointStore], None]
) -> None:
    damage(store)
    found = look_at_versions(database, store)
    assert found.half == len(found.faults) == 1


def test_an_alias_that_names_nothing_is_found(database: Path, store: CheckpointStore) -> None:
    change(database, "UPDATE aliases SET version_number = 2")
    lose_a_folder(store)
    assert "The alias names version 2, which is not there" in look_at_versions(database, store).faults


def test_what_is_being_removed_or_not_recorded_yet_is_counted_and_no_fault(
    session: Session, database: Path, store: CheckpointStore
) -> None:
    session.get_one(Version, 2).deleted_at = now()
    session.commit()
    assert look_at_versions(database, store) == Found(published=1, removing=1)
    change(database, "DELETE FROM versions WHERE number = 2")
    assert look_at_versions(database, store) == Found(unrecorded=1)


@pytest.mark.parametrize(
    ("error", "faults"),
    [
        ("The worker died 3 times without getting further, at last while it was training.", []),
        ("The worker could not read or write its files: no.", ["Run 1 failed: The worker could not read or write"]),
    ],
)
def test_a_run_may_fail_by_the_deaths_of_its_worker_only(
    session: Session, database: Path, version_1: int, error: str, faults: list[str]
) -> None:
    factories.run(session, RunStatus.FAILED, error=error, finished_at=now())
    found = Found()
    with snapshot(database) as connection:
        RunWatch().check(connection, found)
    assert [one[: len(fault)] for one, fault in zip(found.faults, faults, strict=True)] == faults


def test_a_run_that_shows_nothing_new_is_stuck(
    session: Session, database: Path, version_1: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.run(session, RunStatus.RUNNING, stage="training", step=3)
    monkeypatch.setattr(checks, "STUCK_SECONDS", 0.0)
    watch, found = RunWatch(), Found()
    with snapshot(database) as connection:
        watch.check(connection, found)
        assert found.faults == []
        watch.check(connection, found)
    assert found.faults == ["Run 1 has been training for 0 s"]
