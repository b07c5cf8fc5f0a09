"""The database is away for a while: a run goes on, tells later what it had to tell, and loses nothing."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import RunMetric, RunStatus, TrainingRun, engine, make_sessions, write_transaction
from app.services.training import runs
from models.store.store import CheckpointStore
from tests import factories
from tests.processes import wait_for
from tests.scorer_cache import share_cache
from tests.studio import Person, parts, rows
from tests.trouble.full_disks import full
from tests.trouble.silence import hand_out_silent
from worker.job import jobs, recorder
from worker.job.recorder import RunRecorder
from worker.publish import staging
from worker.studio import patience
from worker.studio.attempt import Attempt
from worker.training.distributed import launcher
from worker.training.shared import run_folder
from worker.training.shared.training_errors import Diverged, ProcessesLost

pytestmark = pytest.mark.sqlite


class Database:
    """The studio's SQLite file, which another program can keep from being written."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def go(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def come_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def away(self) -> Iterator[None]:
        self.go()
        try:
            yield
        finally:
            self.come_back()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def database(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 20)
    found = Database(parts(app).settings.home / "mellow.db")
    yield found
    found.close()


@pytest.fixture
def running(session: Session) -> TrainingRun:
    return factories.run(session, RunStatus.RUNNING)


@pytest.fixture
def told(app: Flask, running: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> RunRecorder:
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.01)
    return RunRecorder(parts(app).sessions, running.id, 1)


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    session.refresh(run)
    return run


def metrics(session: Session) -> list[tuple[int, float]]:
    return [(metric.step, metric.value) for metric in rows(session, RunMetric)]


def test_what_is_said_while_the_database_is_away_is_told_in_order_when_it_is_back(
    told: RunRecorder, database: Database, session: Session
) -> None:
    told.log("before")
    with told:
        with database.away():
            told.stage("training")
            for step in (1, 2, 3):
                told.step(step, 3)
                told.metrics(step, {"loss": float(step)})
            told.log("meanwhile")
            assert not told.cancelled()
            assert metrics(session) == []
        wait_for(lambda: len(metrics(session)) == 3, 20, what="the metrics")
        told.log("after")
    run = only(session)
    assert [line[10:] for line in run.log.splitlines()] == ["before", "Training.", "meanwhile", "after"]
    assert (run.stage, run.step, run.total_steps) == ("training", 3, 3)
    assert metrics(session) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_only_the_first_word_waits_for_the_database(
    told: RunRecorder, database: Database, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    with database.away(), caplog.at_level(logging.WARNING, recorder.__name__):
        for step in range(100):
            told.metrics(step, {"loss": 1.0})
    assert caplog.text.count("Progress could not be written") == 1
    told.tell()
    assert len(metrics(session)) == 100


def test_what_is_kept_is_bounded_and_the_latest(
    told: RunRecorder, database: Database, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "METRICS_KEPT", 5)
    told.tell()
    with database.away():
        for step in range(300):
            told.metrics(step, {"loss": float(step)})
            told.log(f"line {step}")
    told.tell()
    assert [step for step, _ in metrics(session)] == [295, 296, 297, 298, 299]
    lines = only(session).log.splitlines()
    assert (len(lines), lines[0][10:], lines[-1][10:]) == (200, "line 100", "line 299")


@pytest.mark.parametrize("change", ["cancelled", "taken over"])
def test_whether_to_stop_is_asked_again_when_the_database_is_back(
    told: RunRecorder, database: Database, session: Session, running: TrainingRun, change: str
) -> None:
    with database.away():
        told.log("meanwhile")
    if change == "cancelled":
        runs.cancel(session, running.id, None)
    else:
        with write_transaction(session):
            only(session).attempts += 1
    with told:
        wait_for(told.cancelled, 20, what="the news")
    assert ("meanwhile" in only(session).log) == (change == "cancelled")


@pytest.fixture
def attempt(app: Flask, session: Session) -> Attempt:
    claimed = Attempt.claim(parts(app).sessions, factories.run(session).id)
    assert claimed is not None
    return claimed


def in_folder(attempt: Attempt, store: CheckpointStore, work: Callable[[], None]) -> None:
    with attempt.folder(store):
        work()


def test_a_run_folder_is_not_removed_because_nobody_could_be_asked(
    attempt: Attempt, app: Flask, tmp_path: Path
) -> None:
    store = parts(app).store
    cut_off = replace(attempt, sessions=make_sessions(f"sqlite:///{tmp_path}/nowhere/mellow.db"))
    checkpoint = store.run_folder(attempt.folder_name) / "checkpoint-5"
    checkpoint.mkdir(parents=True)

    def diverge() -> None:
        raise Diverged("no numbers")

    with pytest.raises(Diverged):
        in_folder(cut_off, store, diverge)
    assert checkpoint.is_dir()


def test_a_run_folder_stays_for_the_rest_of_a_run_that_needs_the_database(
    attempt: Attempt, app: Flask, database: Database, session: Session
) -> None:
    store = parts(app).store
    checkpoint = store.run_folder(attempt.folder_name) / "checkpoint-5"
    checkpoint.mkdir(parents=True)

    def write() -> None:
        with database.away():
            attempt.fail("cannot be written")

    with pytest.raises(OperationalError):
        in_folder(attempt, store, write)
    assert checkpoint.is_dir()
    assert only(session).status == "running"


def test_the_database_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    away = OperationalError("BEGIN", {}, Exception("away"))
    answers: list[object] = [away, away, 5]

    def ask() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(patience, "look_again", lambda: None)
    assert patience.patiently(ask) == 5
    answers = [away, 5]
    monkeypatch.setattr(patience, "WAIT_SECONDS", 0.0)
    with pytest.raises(OperationalError):
        patience.patiently(ask)


@pytest.fixture
def clicked(
    app: Flask,
    queue_url: str,
    few_texts: int,
    session: Session,
    version_1: int,
    annotator: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """A run that waits, on one judged screen; returns its id."""
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("REDIS_URL", queue_url)
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.01)
    for name in ("DATABASE_URL", "MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    factories.judgment(session, factories.generation(session, annotator.id, ["you are wrong", "you are a moron"]))
    return runs.request(session, None, "dpo", {"num_train_epochs": 4})[0].id


def go_with_the_first_checkpoint(database: Database, patch: pytest.MonkeyPatch) -> None:
    mark_whole = run_folder.mark_whole

    def marked(checkpoint: Path) -> None:
        mark_whole(checkpoint)
        with suppress(sqlite3.OperationalError):  # it is away already
            database.go()

    patch.setattr(run_folder, "mark_whole", marked)


@pytest.mark.slow
def test_a_run_trains_through_an_outage_of_the_database(
    clicked: int, database: Database, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 60.0)  # what is kept is told before the run ends all the same
    go_with_the_first_checkpoint(database, monkeypatch)
    prepare = staging.prepare

    def back(*arguments: object) -> float:
        database.come_back()
        return prepare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(staging, "prepare", back)
    jobs.train(clicked)
    run = only(session)
    assert (run.status, run.error, run.attempts, run.produced_version) == ("succeeded", None, 1, 2)
    assert {step for step, _ in metrics(session)} == set(range(1, run.total_steps + 1))
    assert [line[10:] for line in run.log.splitlines()].count("Training.") == 1
    assert "The database is away" not in run.log, "nothing needed it"


def test_a_full_disk_is_waited_for_and_called_so(
    app: Flask,
    running: TrainingRun,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = RunRecorder(parts(app).sessions, running.id, 1)
    session.close()
    with ExitStack() as disk:
        disk.enter_context(full(cast(Engine, parts(app).sessions.kw["bind"])))
        monkeypatch.setattr(patience, "look_again", disk.close)
        for _ in range(200):
            told.log("x" * 200)
        with caplog.at_level(logging.WARNING, patience.__name__):
            patience.patiently(told.tell)
    (line,) = (message for message in caplog.messages if "tried again" in message)
    assert line.startswith("The disk is full, so the database cannot be written, which is tried again: ")
    assert len(only(session).log.splitlines()) == 200


def test_a_run_that_ends_while_the_database_is_away_waits_for_it_and_then_goes_on(
    clicked: int, database: Database, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_with_the_first_checkpoint(database, monkeypatch)
    monkeypatch.setattr(patience, "look_again", database.come_back)
    jobs.train(clicked)
    run = only(session)
    assert (run.status, run.error, run.attempts, run.produced_version) == ("succeeded", None, 1, 2)
    assert {step for step, _ in metrics(session)} == set(range(1, run.total_steps + 1))


@pytest.mark.slow
def test_a_run_whose_database_does_not_come_back_is_gone_on_with_by_the_next_attempt(
    clicked: int, app: Flask, database: Database, session: Session
) -> None:
    store: CheckpointStore = parts(app).store
    folder = store.run_folder(f"{clicked}-{only(session).key}")
    with pytest.MonkeyPatch.context() as patch:
        go_with_the_first_checkpoint(database, patch)
        patch.setattr(patience, "WAIT_SECONDS", 0.0)
        with pytest.raises(OperationalError):
            jobs.train(clicked)
    database.come_back()
    assert (folder / "model").is_dir()
    assert (only(session).status, store.numbers()) == ("running", [1])

    assert hand_out_silent(session) == [clicked]
    jobs.train(clicked)
    run = only(session)
    assert (run.status, run.attempts, run.produced_version) == ("succeeded", 2, 2)
    assert "An earlier attempt had trained the model already." in run.log


@pytest.mark.slow
def test_a_run_whose_training_processes_were_killed_is_gone_on_with_by_the_next_attempt(
    clicked: int, app: Flask, session: Session
) -> None:
    folder = parts(app).store.run_folder(f"{clicked}-{only(session).key}")

    def train_and_die(training: Callable[..., object], settings: object, progress: object) -> None:
        training(progress=progress)
        raise ProcessesLost("A training process was ended from outside.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launcher, "launcher", lambda _wanted: train_and_die)
        with pytest.raises(ProcessesLost):
            jobs.train(clicked)
    assert (folder / "model").is_dir()
    assert (only(session).status, only(session).error) == ("running", None)

    assert hand_out_silent(session) == [clicked]
    jobs.train(clicked)
    run = only(session)
    assert (run.status, run.attempts, run.produced_version) == ("succeeded", 2, 2)
    assert "An earlier attempt had trained the model already." in run.log
