"""A worker that is killed while it publishes leaves a version that is recorded, or nothing, at whichever attempt."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.config import PROJECT_ROOT
from app.db import RunStatus, TrainingRun, Version
from app.services.training.published import Leftovers
from app.services.versions import versions
from tests import factories
from tests.processes import environment
from tests.silence import Looks, Queue
from tests.studio import parts, rows
from tests.worker.publish.killed import POINTS
from worker.publish import release
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio

pytestmark = pytest.mark.long


@pytest.fixture
def studio(app: Flask, session: Session) -> Studio:
    """A studio in which version 1, whose files are elsewhere, serves."""
    factories.version(session)
    factories.serving(session)
    return Studio.of(parts(app).settings)


def killed(studio: Studio, run: TrainingRun, point: str) -> None:
    """Have a worker take the run and die at that point."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.worker.publish.killed", str(run.id), point],
        cwd=PROJECT_ROOT,
        env=environment(studio.settings.home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def silent(studio: Studio, session: Session) -> None:
    """A minute passes in which a web process looks after runs and leftovers."""
    session.rollback()
    queue = Queue()
    is_published = lambda key: studio.store.find_run(key) is not None  # noqa: E731
    Looks(session, queue.has_job, queue.enqueue, is_published).for_seconds(61)
    Leftovers(studio.store).look(session)
    session.rollback()


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    session.refresh(run)
    return run


def recorded(session: Session) -> list[int]:
    return [version.number for version in rows(session, Version)]


def next_attempt(studio: Studio, run: TrainingRun) -> None:
    """Record what is published, as an attempt does before it trains (worker/job/jobs.py)."""
    attempt = Attempt.claim(studio.sessions, run.id)
    assert attempt is not None
    found = studio.store.find_run(attempt.key)
    assert found is not None
    release.record(studio, found, None, attempt)


@pytest.mark.parametrize("attempts", [0, 1])
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_leaves_no_files_without_a_row(
    studio: Studio, session: Session, point: str, attempts: int
) -> None:
    run = factories.run(session, attempts=attempts)
    killed(studio, run, point)
    renamed, committed = point != "before the rename", point == "after the commit"
    assert studio.store.numbers() == ([2] if renamed else [])
    assert recorded(session) == ([1, 2] if committed else [1])

    silent(studio, session)
    if renamed and not committed:
        assert (only(session).status, only(session).attempts) == ("queued", attempts + 1)
        next_attempt(studio, only(session))
    run = only(session)
    if renamed:
        assert (run.status, run.produced_version, run.error) == ("succeeded", 2, None)
        assert recorded(session) == [1, 2]
        assert versions.serving_number(session) == 2
    else:
        assert run.status == ("failed" if attempts else "queued")
        with studio.store.stage():  # the next to stage removes what the dead one staged
            assert len([path for path in (studio.store.root / ".staging").iterdir() if path.is_dir()]) == 1


def test_a_run_that_is_killed_again_while_it_is_recorded_fails_and_its_version_is_there(
    studio: Studio, session: Session
) -> None:
    run = factories.run(session, attempts=2)
    killed(studio, run, "after the rename")
    silent(studio, session)
    run = only(session)
    assert (run.status, run.error) == ("failed", "The worker died 3 times while it was starting.")
    assert recorded(session) == [1, 2]
    assert versions.serving_number(session) == 1


def test_a_run_that_was_to_be_cancelled_when_its_worker_was_killed_ends_so_and_its_version_is_there(
    studio: Studio, session: Session
) -> None:
    run = factories.run(session)
    killed(studio, run, "after the rename")
    session.refresh(run)
    run.cancel_requested_at = run.started_at
    session.commit()
    silent(studio, session)
    assert only(session).status == RunStatus.CANCELLED
    assert recorded(session) == [1, 2]
    assert versions.serving_number(session) == 1
