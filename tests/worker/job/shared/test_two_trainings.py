"""Two studios that share a queue and a worker: both trainings, one after the other, and a kill in the middle of one."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db import RunStatus, TrainingRun, make_sessions
from app.runtime.queue import JobQueue
from app.services.training import runs
from app.services.versions import versions
from models.store.store import CheckpointStore
from tests import factories
from tests.processes import Program, alive, environment, wait_for
from tests.scorer_cache import share_cache
from tests.trouble.silence import Looks

CLICKS = [
    ("you are so stupid", ["you are wrong", "you are a moron", "you are dumb"]),
    ("stop", ["please stop it now", "stop stop"]),
]
BEFORE = ("starting", "importing the training libraries")
QUICK = {"learning_rate": 1e-3, "num_train_epochs": 2, "per_device_train_batch_size": 4}


class SharingStudio:
    """A studio with a tiny version 1, two clicks and a run that waits for a worker."""

    def __init__(self, home: Path, files: Path, database: Path, url: str, published: CheckpointStore) -> None:
        home.mkdir()
        share_cache(home)
        shutil.copy(database, home)
        self.store, self.queue = CheckpointStore(home / "versions"), JobQueue(url, home.name)
        said = (f"MELLOW_HOME={home}", f"REDIS_URL={url}", f"QUEUE_PREFIX={home.name}", "TRAINING_PROCESSES=1")
        (files / f"{home.name}.env").write_text("\n".join(said))
        self.sessions: sessionmaker[Session] = make_sessions(f"sqlite:///{home / 'mellow.db'}")
        shutil.copytree(published.folder(1), self.store.place(1))
        with self.sessions() as session:
            versions.record_version(session, published.manifest(1), str(self.store.place(1)))
            factories.serving(session)
            person = factories.user(session).id
            for text, candidates in CLICKS:
                prompt = factories.prompt(session, text)
                factories.judgment(session, factories.generation(session, person, candidates, prompt=prompt))
            runs.request(session, None, "dpo", QUICK)
            runs.hand_out_next(session, self.queue.enqueue_training)

    def run(self) -> TrainingRun:
        with self.sessions() as session:
            return session.query(TrainingRun).one()

    def rescue(self) -> None:
        """Hand the run out anew, as a web process does that sees its worker silent."""
        with self.sessions() as session:
            Looks(session, self.queue.has_job, self.queue.enqueue_training).for_seconds(70)


def ended(studio: SharingStudio) -> bool:
    status = studio.run().status
    assert status in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.SUCCEEDED), studio.run().error
    return status == RunStatus.SUCCEEDED


def span(studio: SharingStudio) -> tuple[datetime, datetime]:
    """When the run of a studio began and ended."""
    run = studio.run()
    assert run.started_at is not None
    assert run.finished_at is not None
    return run.started_at, run.finished_at


@pytest.mark.slow
def test_two_studios_train_on_one_worker_in_turn_and_go_on_after_a_kill(
    tmp_path: Path, migrated_database: Path, queue_url: str, published: CheckpointStore
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    one, two = (
        SharingStudio(tmp_path / name, files, migrated_database, queue_url, published) for name in ("one", "two")
    )
    command = [sys.executable, "-m", "worker", "studios", str(files)]
    environ = environment(tmp_path / "pool")
    with Program(command, environ) as program:
        wait_for(lambda: one.run().started_at or two.run().started_at, what="a run")
        first, second = (one, two) if one.run().started_at else (two, one)
        wait_for(lambda: first.run().stage not in BEFORE, what="that it works")
        assert second.run().status == RunStatus.QUEUED
        started = program.tree()
        os.kill(program.pid, signal.SIGKILL)
        wait_for(lambda: not alive(started[1:]), what="the end of all")
    assert first.run().status == RunStatus.RUNNING
    first.rescue()
    with Program(command, environ):
        for studio in (first, second):
            wait_for(partial(ended, studio), 200, what="a run")
    assert (first.run().attempts, second.run().attempts) == (2, 1)
    earlier, later = sorted(map(span, (first, second)))
    assert earlier[1] <= later[0], "one after the other"
    assert [studio.store.numbers() for studio in (first, second)] == [[1, 2], [1, 2]]
    for studio in (first, second):
        studio.sessions.kw["bind"].dispose()
