"""What a run writes down while it works, and how it learns to stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from threading import Event
from time import monotonic

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RunMetric, RunStatus, TrainingRun, now
from app.services.training import runs
from tests import factories
from tests.studio import parts, rows
from worker.job import recorder as module
from worker.job.recorder import RunRecorder


@pytest.fixture
def run(session: Session) -> TrainingRun:
    return factories.run(session, RunStatus.RUNNING)


@pytest.fixture
def recorder(app: Flask, run: TrainingRun) -> RunRecorder:
    """The recorder of the run's first attempt, without its heartbeat."""
    return RunRecorder(parts(app).sessions, run.id, 1)


def state(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    session.refresh(run)
    return run


def wait_until(true: Callable[[], bool]) -> None:
    deadline, tick = monotonic() + 20, Event()
    while not true():
        assert monotonic() < deadline, "it did not come true"
        tick.wait(0.01)


def test_a_stage_is_shown_and_logged_with_its_time(recorder: RunRecorder, session: Session) -> None:
    recorder.stage("training")
    recorder.log("3 pairs.")
    run = state(session)
    assert run.stage == "training"
    lines = run.log.splitlines()
    assert [line[8:] for line in lines] == ["  Training.", "  3 pairs."]
    assert all(line[2] == line[5] == ":" for line in lines)


def test_each_stage_keeps_when_it_began(recorder: RunRecorder, session: Session) -> None:
    before = now()
    for stage in ("loading", "training"):
        recorder.stage(stage)
    starts = state(session).stage_starts or []
    assert [name for name, _ in starts] == ["loading", "training"]
    moments = [datetime.fromisoformat(moment) for _, moment in starts]
    assert before <= moments[0] <= moments[1] <= now()


def test_a_checkpoint_is_kept_once_also_if_it_is_saved_again(recorder: RunRecorder, session: Session) -> None:
    for step in (20, 10, 20):
        recorder.checkpoint(step)
    assert state(session).checkpoints == [10, 20]


def test_the_log_keeps_its_last_200_lines(recorder: RunRecorder, session: Session) -> None:
    run = state(session)
    run.log = "\n".join(f"line {number}" for number in range(200))
    session.commit()
    recorder.log("one more")
    lines = state(session).log.splitlines()
    assert (len(lines), lines[0]) == (200, "line 1")
    assert lines[-1].endswith("  one more")


def test_metrics_are_stored_one_row_each_and_what_is_no_number_is_not(
    recorder: RunRecorder, session: Session, run: TrainingRun
) -> None:
    recorder.metrics(3, {"loss": 0.5, "grad_norm": math.nan, "rewards/margins": math.inf, "learning_rate": 1e-4})
    stored = [(metric.run_id, metric.step, metric.name, metric.value) for metric in rows(session, RunMetric)]
    assert stored == [(run.id, 3, "loss", 0.5), (run.id, 3, "learning_rate", 1e-4)]


def test_quick_steps_are_not_all_written_but_the_last_always_is(recorder: RunRecorder, session: Session) -> None:
    recorder.step(1, 1000)
    assert (state(session).step, state(session).total_steps) == (1, 1000)
    recorder.step(2, 1000)
    assert state(session).step == 1
    recorder.step(1000, 1000)
    assert state(session).step == 1000


def test_the_heart_beats_while_the_worker_is_silent(
    recorder: RunRecorder, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    assert state(session).heartbeat_at is None
    with recorder:
        wait_until(lambda: state(session).heartbeat_at is not None)
        first = state(session).heartbeat_at
        wait_until(lambda: state(session).heartbeat_at != first)
        assert not recorder.cancelled()
    last = state(session).heartbeat_at
    assert not recorder._thread.is_alive()
    assert state(session).heartbeat_at == last


def test_the_heart_hears_of_a_cancellation_though_the_worker_reports_nothing(
    recorder: RunRecorder, session: Session, run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    with recorder:
        runs.cancel(session, run.id, None)
        wait_until(recorder.cancelled)


def test_the_heart_goes_on_beating_after_the_database_was_away(
    recorder: RunRecorder, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    owned, failures = runs.owned, [OperationalError("BEGIN", {}, Exception("away"))] * 2

    def sometimes(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return owned(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "owned", sometimes)
    with recorder:
        wait_until(lambda: state(session).heartbeat_at is not None)
    assert failures == []


@pytest.mark.parametrize("change", ["taken over", "ended"])
def test_a_worker_that_lost_its_run_writes_nothing_more_and_stops(
    recorder: RunRecorder, session: Session, run: TrainingRun, change: str
) -> None:
    if change == "taken over":
        run.attempts = 2
        session.commit()
    else:
        runs.finish_cancel(session, run.id, 1)
    before = state(session).stage
    recorder.stage("publishing")
    recorder.step(5, 5)
    recorder.metrics(5, {"loss": 0.5})
    recorder.log("late")
    after = state(session)
    assert (after.stage, after.step, after.log, after.heartbeat_at) == (before, 0, "", None)
    assert rows(session, RunMetric) == []
    assert recorder.cancelled()
