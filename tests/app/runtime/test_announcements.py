"""The bell that wakes those who wait; where the queue is away it says so, and nothing is lost."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from redis import Redis
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun
from app.runtime import announcements
from app.runtime.queue import JobQueue
from tests import factories
from tests.studio import rows


@pytest.fixture
def queue(queue_url: str) -> JobQueue:
    return JobQueue(queue_url)


@pytest.fixture
def away() -> Iterator[JobQueue]:
    """A queue at a port that is taken and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield JobQueue(f"redis://127.0.0.1:{taken.getsockname()[1]}")


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    return run


def test_whoever_listens_hears_which_version_the_alias_points_at(queue: JobQueue, queue_url: str) -> None:
    with Redis.from_url(queue_url) as connection, connection.pubsub(ignore_subscribe_messages=True) as news:
        news.subscribe("mellow:alias")
        while news.get_message(timeout=5) is not None:
            pass  # the subscription is confirmed
        assert announcements.alias_moved(queue, 7) is True
        message = news.get_message(timeout=5)
    assert message is not None
    assert message["data"] == b"7"


def test_the_first_run_of_the_queue_is_handed_to_a_worker_and_only_once(session: Session, queue: JobQueue) -> None:
    first = factories.run(session, wish="one")
    factories.run(session, wish="two")
    for _ in range(2):
        assert announcements.run_waits(queue, session) is True
    assert [run.job_id for run in rows(session, TrainingRun)] == [f"train-{first.id}-1", None]
    assert queue.has_job(f"train-{first.id}-1")
    assert queue.depth() == 1


def test_while_a_run_works_or_none_waits_nobody_is_called(session: Session, queue: JobQueue) -> None:
    assert announcements.run_waits(queue, session) is True
    factories.run(session, RunStatus.RUNNING, wish="one")
    factories.run(session, wish="two")
    assert announcements.run_waits(queue, session) is True
    assert queue.depth() == 0


def test_a_bell_that_nobody_can_hear_says_so_and_the_run_waits_on(session: Session, away: JobQueue) -> None:
    assert announcements.alias_moved(away, 1) is False
    factories.run(session)
    assert announcements.run_waits(away, session) is False
    assert (only(session).status, only(session).job_id) == ("queued", None)


def test_a_run_that_could_not_be_handed_out_is_handed_out_when_the_queue_is_back(
    session: Session, away: JobQueue, queue: JobQueue
) -> None:
    run = factories.run(session)
    assert not announcements.run_waits(away, session)
    assert announcements.run_waits(queue, session)
    assert only(session).job_id == f"train-{run.id}-1"
