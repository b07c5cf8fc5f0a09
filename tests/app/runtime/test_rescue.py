"""Runs that no worker works on are found; a sleep of the computer and a clock that is set are no such thing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.config import PROJECT_ROOT
from app.db import RunStatus, TrainingRun, now, write_transaction
from app.runtime.rescue import elapsed
from app.services.training import runs
from tests import factories
from tests.processes import environment, wait_for
from tests.studio import parts, rows
from tests.trouble.silence import Looks, Queue

HOURS = 8 * 3600.0


def ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)


def running(session: Session, *, attempts: int = 1, heartbeat: float | None = 1.0, **facts: int) -> int:
    """A run that a worker works on, whose clock said `heartbeat` seconds ago when it last spoke; returns its id."""
    run = factories.run(
        session,
        RunStatus.RUNNING,
        attempts=attempts,
        stage="training",
        heartbeat_at=None if heartbeat is None else ago(heartbeat),
        started_at=ago(100),
        **facts,
    )
    run.job_id = f"train-{run.id}-{attempts}"
    session.commit()
    return run.id


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    session.refresh(run)
    return run


def beat(session: Session, at: datetime) -> None:
    """The worker speaks; `at` is what its clock says."""
    with write_transaction(session):
        only(session).heartbeat_at = at


def looks_at(session: Session, queue: Queue) -> Looks:
    return Looks(session, queue.has_job, queue.enqueue)


def is_well(session: Session) -> bool:
    return (only(session).status, only(session).attempts) == ("running", 1)


def test_a_waiting_run_whose_job_was_lost_is_handed_out_again(session: Session) -> None:
    run = factories.run(session, job_id="train-1-1")
    queue = Queue()
    looks = looks_at(session, queue)
    looks.for_seconds(9)
    assert queue.handed_out == [], "a worker may just have taken it"
    looks.once()
    assert queue.handed_out == [(run.id, 1)]
    assert only(session).job_id == f"train-{run.id}-1"
    looks.for_seconds(60)
    assert queue.handed_out == [(run.id, 1)], "it is in the queue now"


@pytest.mark.parametrize("created", [-HOURS, 0.0, HOURS], ids=["clock set forward", "just now", "clock set back"])
def test_a_run_that_was_just_stored_has_a_moment_to_be_handed_out_whatever_the_clock_says(
    session: Session, created: float
) -> None:
    run = factories.run(session, created_at=now() + timedelta(seconds=created))
    queue = Queue()
    looks = looks_at(session, queue)
    looks.for_seconds(3)
    assert queue.handed_out == []
    looks.once()
    assert queue.handed_out == [(run.id, 1)]


def test_a_run_whose_worker_died_comes_before_those_that_were_asked_for_later(session: Session) -> None:
    run_id = running(session)
    factories.run(session, wish="another", created_at=ago(60))
    queue = Queue()
    looks_at(session, queue).for_seconds(61)
    assert queue.handed_out == [(run_id, 2)]


def test_a_run_says_from_which_queue_no_worker_takes_and_no_more_once_one_does(session: Session) -> None:
    factories.run(session, method="sft", job_id="train-1-1")
    factories.run(session, wish="another")
    queue, found = Queue("train-1-1"), ["gpu", None]
    looks = Looks(session, queue.has_job, queue.enqueue, untaken=lambda _job: found[0])
    looks.for_seconds(9)
    first, behind = runs.queue(session)
    assert (first.stage, behind.stage) == ("queued", "queued"), "a worker may just start"
    looks.once()
    session.refresh(first)
    assert (first.stage, behind.stage) == ("waiting: no worker takes from gpu", "queued")
    looks_at_anew = Looks(session, queue.has_job, queue.enqueue, untaken=lambda _job: found[0])
    looks_at_anew.once()
    session.refresh(first)
    assert first.stage == "waiting: no worker takes from gpu", "a process that has just begun knows no better"
    found.pop(0)
    looks.once()
    session.refresh(first)
    assert first.stage == "queued"


def test_a_worker_that_was_silent_for_less_than_a_minute_is_left_alone(session: Session) -> None:
    run_id = running(session)
    queue = Queue(f"train-{run_id}-1")
    looks_at(session, queue).for_seconds(59)
    assert queue.handed_out == []
    assert is_well(session)


def test_a_run_is_left_alone_whose_job_the_queue_forgot_while_its_worker_speaks(session: Session) -> None:
    running(session)
    queue = Queue()
    looks = looks_at(session, queue)
    for _ in range(30):
        looks.once()
        beat(session, now())
    assert queue.handed_out == []
    assert is_well(session)


@pytest.mark.parametrize(
    ("seconds", "heartbeat", "queue_has_job"),
    [(61.0, 1.0, True), (11.0, 1.0, False), (0.0, None, False), (0.0, None, True)],
    ids=["silent", "job lost", "never heard", "never heard though in the queue"],
)
def test_a_run_whose_worker_died_is_tried_again(
    session: Session, seconds: float, heartbeat: float | None, queue_has_job: bool
) -> None:
    run_id = running(session, heartbeat=heartbeat)
    queue = Queue(*([f"train-{run_id}-1"] if queue_has_job else []))
    looks_at(session, queue).for_seconds(seconds)
    assert queue.handed_out == [(run_id, 2)]
    run = only(session)
    assert (run.status, run.stage, run.attempts, run.job_id) == (
        "queued",
        "queued again, its worker died",
        1,
        f"train-{run_id}-2",
    )
    assert runs.claim(session, run_id) == 2


def test_a_run_whose_worker_died_three_times_without_getting_further_fails_with_the_reason(session: Session) -> None:
    running(session, attempts=5, deaths=2, step=7, furthest=7)
    queue = Queue()
    looks_at(session, queue).for_seconds(61)
    assert queue.handed_out == []
    run = only(session)
    reason = "The worker died 3 times without getting further, at last while it was training."
    assert (run.status, run.error) == ("failed", reason)


def test_a_run_that_got_further_before_its_worker_died_is_tried_again_however_often(session: Session) -> None:
    run_id = running(session, attempts=9, deaths=2, step=8, furthest=7)
    queue = Queue()
    looks_at(session, queue).for_seconds(61)
    assert queue.handed_out == [(run_id, 10)]
    assert (only(session).deaths, only(session).furthest) == (1, 8)


def test_a_run_that_died_earlier_than_before_has_not_got_further(session: Session) -> None:
    running(session, attempts=2, deaths=1, step=3, furthest=7)
    looks_at(session, Queue()).for_seconds(61)
    assert (only(session).status, only(session).deaths, only(session).furthest) == ("queued", 2, 7)


@pytest.mark.parametrize(("deaths", "tried"), [(1, True), (2, True), (3, False)])
def test_a_run_whose_version_is_published_is_tried_once_more_to_record_it(
    session: Session, deaths: int, tried: bool
) -> None:
    run_id = running(session, attempts=deaths + 1, deaths=deaths)
    queue = Queue()
    key = only(session).key
    Looks(session, queue.has_job, queue.enqueue, is_published=lambda asked: asked == key).for_seconds(61)
    assert queue.handed_out == ([(run_id, deaths + 2)] if tried else [])
    assert only(session).status == ("queued" if tried else "failed")


def test_a_run_whose_worker_died_before_it_could_be_cancelled_ends_as_cancelled(session: Session) -> None:
    run_id = running(session)
    runs.cancel(session, run_id, None)
    queue = Queue()
    looks_at(session, queue).for_seconds(61)
    assert queue.handed_out == []
    assert only(session).status == "cancelled"


def test_there_is_nothing_to_do_when_no_run_is_active(session: Session) -> None:
    factories.run(session, RunStatus.SUCCEEDED)
    queue = Queue()
    looks_at(session, queue).for_seconds(61)
    assert queue.handed_out == []


@pytest.mark.parametrize("queue_has_job", [True, False])
def test_a_computer_may_sleep_as_often_as_it_likes(session: Session, queue_has_job: bool) -> None:
    run_id = running(session)
    queue = Queue(*([f"train-{run_id}-1"] if queue_has_job else []))
    looks = looks_at(session, queue)
    for _ in range(5):
        looks.for_seconds(6)
        looks.once(after=HOURS)  # the web process wakes before the worker
        beat(session, now())
    assert queue.handed_out == []
    assert is_well(session)


def test_a_worker_that_does_not_wake_up_is_found_silent(session: Session) -> None:
    run_id = running(session)
    queue = Queue(f"train-{run_id}-1")
    looks = looks_at(session, queue)
    looks.for_seconds(40)
    looks.once(after=HOURS)
    looks.for_seconds(59)
    assert is_well(session), "what it was silent for before the sleep does not count"
    looks.once()
    assert queue.handed_out == [(run_id, 2)]


@pytest.mark.parametrize("offset", [-HOURS, HOURS])
def test_a_clock_that_is_set_neither_ends_a_run_nor_starts_it_twice(session: Session, offset: float) -> None:
    run_id = running(session)
    queue = Queue(f"train-{run_id}-1")
    looks = looks_at(session, queue)
    for second in range(30):
        looks.once()
        beat(session, ago(-(offset if second > 10 else 0.0)))
    assert queue.handed_out == []
    assert is_well(session)


@pytest.mark.parametrize("offset", [-HOURS, HOURS])
def test_a_dead_worker_is_found_whatever_its_clock_said(session: Session, offset: float) -> None:
    run_id = running(session, heartbeat=offset)
    queue = Queue(f"train-{run_id}-1")
    looks_at(session, queue).for_seconds(61)
    assert queue.handed_out == [(run_id, 2)]


def test_a_worker_that_speaks_at_the_last_moment_is_not_given_up(session: Session) -> None:
    run_id = running(session)
    queue = Queue(f"train-{run_id}-1")

    def is_published(_key: str) -> bool:
        beat(session, now())
        return False

    Looks(session, queue.has_job, queue.enqueue, is_published).for_seconds(61)
    assert queue.handed_out == []
    assert is_well(session)


def test_the_clock_of_looks_goes_on_and_is_no_clock_that_is_set() -> None:
    first = elapsed()
    assert first <= elapsed()
    assert abs(first - now().timestamp()) > HOURS


LOOKS = """
import sys, time
from app.db import make_sessions
from app.runtime import rescue
rescue.SILENCE_SECONDS, rescue.WITHOUT_JOB_SECONDS, rescue.LONGEST_PAUSE_SECONDS = 0.6, 0.6, 0.3
enqueue = lambda run, attempt, gpu: f"train-{run}-{attempt}"
found = rescue.Rescue(lambda job: True, enqueue, lambda key: False, lambda job: None)
sessions, before = make_sessions(sys.argv[1]), time.time()
print("looking", flush=True)
while True:
    with sessions() as session:
        found.look(session)
    pause, before = time.time() - before, time.time()
    if pause > rescue.LONGEST_PAUSE_SECONDS:
        print("awake", flush=True)
    time.sleep(0.02)
"""
WORKS = """
import sys
from app.db import make_sessions
from worker.job import recorder
recorder.HEARTBEAT_SECONDS = 0.02
with recorder.RunRecorder(make_sessions(sys.argv[1]), int(sys.argv[2]), 1):
    sys.stdin.read()
"""


@pytest.fixture
def computer(app: Flask, session: Session) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A worker at the only run, and a process that looks after it, in one group; yields the group and the latter."""
    arguments = [parts(app).settings.database_url, str(running(session))]
    with ExitStack() as stack:
        group = 0
        for code in (WORKS, LOOKS):
            process = subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                cwd=PROJECT_ROOT,
                env=environment(parts(app).settings.home),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                process_group=group,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            group = group or process.pid
        yield group, process


@pytest.mark.long
def test_a_computer_that_slept_goes_on_with_the_same_attempt(
    computer: tuple[int, subprocess.Popen[str]], session: Session
) -> None:
    group, looking = computer
    assert looking.stdout is not None
    assert looking.stdout.readline() == "looking\n"
    for _ in range(2):
        heard = only(session).heartbeat_at
        wait_for(lambda: only(session).heartbeat_at != heard, what="a heartbeat")  # noqa: B023
        os.killpg(group, signal.SIGSTOP)
        threading.Event().wait(0.8)  # longer than a worker may be silent here; nobody runs
        heard = only(session).heartbeat_at
        os.killpg(group, signal.SIGCONT)
        assert looking.stdout.readline() == "awake\n"
        wait_for(lambda: only(session).heartbeat_at != heard, what="a heartbeat")  # noqa: B023
    assert is_well(session)
