"""An attempt owns its run as long as nobody else does, and leaves to others what is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, write_transaction
from app.services.training import runs
from models.store.locks import try_lock
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import parts, rows
from tests.trouble.silence import hand_out_silent
from worker.job.recorder import RunRecorder
from worker.studio.attempt import Attempt


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "versions")


@pytest.fixture
def attempt(app: Flask, session: Session) -> Attempt:
    """The first attempt at the only run."""
    run = factories.run(session, config={"beta": 0.2}, selection={"people": [7]}, last_judgment_id=5)
    attempt = Attempt.claim(parts(app).sessions, run.id)
    assert attempt is not None
    return attempt


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    session.refresh(run)
    return run


def owned(attempt: Attempt, session: Session) -> bool:
    """Whether the run is still the attempt's own, as things stand now."""
    session.rollback()
    return attempt.owned(session) is not None


def taken_by_another(session: Session) -> None:
    """The worker was given up for dead, and another one took the run."""
    with write_transaction(session):
        only(session).attempts += 1


def work_in(attempt: Attempt, store: CheckpointStore, failure: Exception | None = None) -> Path:
    """Leave a checkpoint in the run folder as training does, and fail if so told; returns the folder."""
    with attempt.folder(store) as folder:
        (folder / "checkpoint-5").mkdir(parents=True)
        if failure is not None:
            raise failure
    return folder


def test_an_attempt_knows_what_was_asked_for(attempt: Attempt, session: Session) -> None:
    run = only(session)
    assert (run.status, run.attempts) == ("running", 1)
    assert (attempt.run_id, attempt.number, attempt.method, attempt.parent) == (run.id, 1, "dpo", 1)
    assert (attempt.config, attempt.selection, attempt.last_judgment_id) == ({"beta": 0.2}, {"people": [7]}, 5)


def test_only_the_run_whose_turn_it_is_can_be_taken(app: Flask, session: Session) -> None:
    sessions = parts(app).sessions
    first, second = (factories.run(session, wish=wish).id for wish in ("one", "two"))
    assert Attempt.claim(sessions, second) is None
    assert Attempt.claim(sessions, 99) is None
    assert Attempt.claim(sessions, first) is not None
    assert Attempt.claim(sessions, first) is None, "it does not wait any more"


def test_an_attempt_ends_its_run_with_the_reason(attempt: Attempt, session: Session) -> None:
    assert owned(attempt, session)
    attempt.fail("The disk is full.")
    assert (only(session).status, only(session).error) == ("failed", "The disk is full.")
    assert not owned(attempt, session)
    attempt.end_cancelled()
    assert only(session).status == "failed", "what has ended has ended"


def test_a_run_that_was_to_stop_ends_as_cancelled(attempt: Attempt, session: Session) -> None:
    runs.cancel(session, attempt.run_id, None)
    assert only(session).status == "running"
    attempt.end_cancelled()
    assert (only(session).status, only(session).error) == ("cancelled", None)


def test_an_attempt_that_lost_its_run_changes_nothing(attempt: Attempt, session: Session) -> None:
    taken_by_another(session)
    assert not owned(attempt, session)
    attempt.fail("too late")
    attempt.end_cancelled()
    assert (only(session).status, only(session).error) == (RunStatus.RUNNING, None)


@pytest.mark.parametrize("taken", [False, True])
def test_a_worker_that_was_silent_goes_on_with_its_run_unless_another_has_taken_it(
    attempt: Attempt, session: Session, taken: bool
) -> None:
    hand_out_silent(session)
    assert (only(session).status, only(session).job_id) == ("queued", "train-1-2")
    if taken:
        assert runs.claim(session, attempt.run_id) == 2
    with RunRecorder(attempt.sessions, attempt.run_id, attempt.number) as recorder:
        recorder.tell()
        assert recorder.cancelled() is taken
    run = only(session)
    assert (run.status, run.attempts) == ("running", 2 if taken else 1)
    assert run.heartbeat_at is not None
    if not taken:
        assert runs.claim(session, run.id) is None, "the job that was handed out finds nothing to do"
        attempt.fail("The disk is full.")
        assert only(session).status == "failed"


def test_the_run_folder_is_removed_when_the_run_ends_well_or_not(attempt: Attempt, store: CheckpointStore) -> None:
    assert not work_in(attempt, store).exists()
    with pytest.raises(ZeroDivisionError):
        work_in(attempt, store, ZeroDivisionError())
    assert not store.run_folder(attempt.folder_name).exists()


def test_the_run_folder_is_left_to_the_attempt_that_took_the_run(
    attempt: Attempt, store: CheckpointStore, session: Session
) -> None:
    taken_by_another(session)
    with pytest.raises(ZeroDivisionError):
        work_in(attempt, store, ZeroDivisionError())
    assert (store.run_folder(attempt.folder_name) / "checkpoint-5").is_dir()


def test_the_run_folder_stays_while_another_process_is_at_work_in_it(attempt: Attempt, store: CheckpointStore) -> None:
    folder = store.run_folder(attempt.folder_name)
    folder.mkdir(parents=True)
    lock = try_lock(folder)
    assert lock is not None
    with lock, pytest.raises(ZeroDivisionError):
        work_in(attempt, store, ZeroDivisionError())
    assert (folder / "checkpoint-5").is_dir()
