"""A worker that is killed while it publishes leaves a version that is recorded, or nothing, at whichever attempt."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import RunStatus, TrainingRun, Version
from app.runtime import announcements
from app.services.training import published, runs
from app.services.training.published import Leftovers
from app.services.versions import versions
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import parts, rows
from tests.trouble.silence import Looks, Queue
from worker.publish import release
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio


@pytest.fixture
def studio(app: Flask, session: Session) -> Studio:
    """A studio in which version 1, whose files are elsewhere, serves."""
    factories.version(session)
    factories.serving(session)
    return Studio.of(parts(app).settings)


POINTS: dict[str, tuple[Any, str, bool]] = {
    "before the rename": (CheckpointStore, "publish", True),
    "after the rename": (CheckpointStore, "publish", False),
    "after the version's row": (published, "record", False),
    "after the alias": (versions, "point_serving_at", False),
    "before the commit": (runs, "succeed", False),
    "after the commit": (announcements, "alias_moved", True),
}
"""For each point the function at which the worker dies, and whether before it does anything."""


def dying(call: Callable[..., Any], *, first: bool) -> Callable[..., Any]:
    """A function at which its process is killed, before or after it has done what it does."""

    def die(*arguments: Any, **named: Any) -> None:
        if not first:
            call(*arguments, **named)
            for one in arguments:
                if isinstance(one, Session):
                    one.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    return die


def publish(settings: Settings, run_id: int, point: str) -> None:
    """Take the run as a worker does, publish its version, and die at that point."""
    module, name, first = POINTS[point]
    studio = Studio.of(settings)
    attempt = Attempt.claim(studio.sessions, run_id)
    assert attempt is not None
    setattr(module, name, dying(getattr(module, name), first=first))
    facts = release.Facts(
        parent=1,
        method=attempt.method,
        config={},
        data_sha256="d" * 64,
        metrics={},
        run_id=attempt.run_id,
        run_key=attempt.key,
    )
    with studio.store.stage() as staged:
        (staged / "weights").write_bytes(b"weights")
        release.release(studio, staged, facts, None, attempt)


def killed(studio: Studio, session: Session, run: TrainingRun, point: str) -> None:
    """Have a worker take the run and die at that point."""
    worker = multiprocessing.get_context("fork").Process(target=publish, args=(studio.settings, run.id, point))
    session.rollback()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads, which do nothing here
        worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL


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


@pytest.mark.parametrize("attempts", [0, 2])
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_leaves_no_files_without_a_row(
    studio: Studio, session: Session, point: str, attempts: int
) -> None:
    run = factories.run(session, attempts=attempts, deaths=attempts)
    killed(studio, session, run, point)
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
    run = factories.run(session, attempts=3, deaths=3)
    killed(studio, session, run, "after the rename")
    silent(studio, session)
    run = only(session)
    assert (run.status, run.error) == (
        "failed",
        "The worker died 4 times without getting further, at last while it was starting.",
    )
    assert recorded(session) == [1, 2]
    assert versions.serving_number(session) == 1


def test_a_run_that_was_to_be_cancelled_when_its_worker_was_killed_ends_so_and_its_version_is_there(
    studio: Studio, session: Session
) -> None:
    run = factories.run(session)
    killed(studio, session, run, "after the rename")
    session.refresh(run)
    run.cancel_requested_at = run.started_at
    session.commit()
    silent(studio, session)
    assert only(session).status == RunStatus.CANCELLED
    assert recorded(session) == [1, 2]
    assert versions.serving_number(session) == 1
