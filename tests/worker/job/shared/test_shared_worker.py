"""The process of one studio on a shared worker, which takes no job before its turn."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from multiprocessing import Pipe

import psutil
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as QueueAway
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.config import Settings
from app.runtime.queue import JobQueue
from tests.processes import wait_for
from tests.studio import new_settings
from worker.job.shared import shared_worker
from worker.job.shared.shared_worker import SharedWorker, line_format
from worker.job.shared.turn import Asked, Turn, spelled_turn


class Waiting:
    """A worker that waits for a job in a thread, and what it says to the pool."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self.pool, theirs = Pipe()
        self.worker = SharedWorker(
            ["cpu", "gpu"], settings, Turn(theirs), connection=redis, name="w1", serializer=JSONSerializer
        )
        self.worker._ended = threading.Event()
        self.found: list[tuple[Job, Queue] | None] = []
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        self.found.append(self.worker.dequeue_job_and_maintain_ttl(None))

    def asked(self) -> Asked:
        """The next thing that it says."""
        assert self.pool.poll(20)
        return Asked.read(self.pool.recv_bytes())

    def give(self, number: int, gpus: str = "") -> None:
        self.pool.send_bytes(spelled_turn(number, gpus))

    def ends(self) -> tuple[Job, Queue] | None:
        """What it found, once it does."""
        self._thread.join(20)
        return self.found[0]

    def stop(self) -> None:
        self.worker._stop_requested = True
        self.worker._ended.set()
        self._thread.join(20)


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(shared_worker, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(shared_worker, "_AWAY_SECONDS", 0.02)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return settings


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with Redis.from_url(settings.redis_url) as connection:
        yield connection


@pytest.fixture
def waiting(settings: Settings, redis: Redis) -> Iterator[Waiting]:
    made = Waiting(settings, redis)
    yield made
    made.stop()


@pytest.fixture
def queue(settings: Settings) -> JobQueue:
    return JobQueue(settings.redis_url)


def test_a_job_is_taken_when_the_turn_comes_and_not_before(waiting: Waiting, queue: JobQueue) -> None:
    job = queue.enqueue_training(1, 1, needs_gpu=True)
    assert waiting.asked() == (1, "gpu")
    wait_for(lambda: waiting.worker.machine()["elsewhere"])
    assert queue.depth() == 1
    waiting.give(1, "2,3")
    found = waiting.ends()
    assert found is not None
    assert (found[0].id, found[1].name, queue.depth()) == (job, "gpu", 0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert not waiting.worker.machine()["elsewhere"]


def test_who_waits_for_a_job_that_another_worker_took_gives_the_turn_back(waiting: Waiting, queue: JobQueue) -> None:
    job = queue.enqueue_training(2, 1, needs_gpu=False)
    assert waiting.asked() == (1, "cpu")
    queue.forget(job)
    assert waiting.asked() == (2, None)
    waiting.give(1)  # it crossed what it said
    queue.enqueue_training(3, 1, needs_gpu=False)
    assert waiting.asked() == (3, "cpu")
    wait_for(lambda: waiting.worker.machine()["elsewhere"])
    assert waiting.found == [], "the turn that came was for what it waits for no more"
    waiting.give(3)
    assert waiting.ends() is not None


def test_a_moment_without_the_queue_ends_the_turn_no_sooner_than_the_run(
    waiting: Waiting, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue_training(1, 1, needs_gpu=True)
    waiting.give(waiting.asked().number)
    found = waiting.ends()
    assert found is not None
    works = []

    def lose_sight(worker: Worker, *_: object) -> None:
        worker._horse_pid = os.posix_spawnp("sleep", ["sleep", "0.1"], os.environ)
        raise QueueAway

    def give_back() -> None:
        works.append(psutil.pid_exists(waiting.worker._horse_pid))

    monkeypatch.setattr(Worker, "execute_job", lose_sight)
    monkeypatch.setattr(waiting.worker._turn, "give_back", give_back)
    waiting.worker.execute_job(*found)
    assert works
    assert not any(works)


def test_a_worker_that_is_told_the_queue_of_older_releases_takes_from_all(
    settings: Settings, redis: Redis, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_PREFIX", "one")
    worker = SharedWorker(["default"], settings, Turn(Pipe()[0]), connection=redis, serializer=JSONSerializer)
    JobQueue(settings.redis_url, "one").enqueue_training(1, 1, needs_gpu=False)
    assert worker.queue_names() == ["one:gpu", "one:cpu", "one:default"]
    assert worker._waits_in() == "cpu"


def test_a_studio_may_be_called_like_a_placeholder() -> None:
    record = logging.makeLogRecord({"msg": "The queue is away."})
    assert logging.Formatter(line_format("50%")).format(record).endswith(" 50%: The queue is away.")


def test_while_the_database_is_away_no_turn_is_asked_for(
    settings: Settings, redis: Redis, queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = Waiting(new_settings(settings.home, database_url="sqlite:////nowhere/mellow.db"), redis)
    try:
        queue.enqueue_training(1, 1, needs_gpu=False)
        wait_for(lambda: "The database cannot be used, and is asked again" in caplog.text)
        assert not waiting.pool.poll()
    finally:
        waiting.stop()
    assert caplog.text.count("cannot be used") == 1


def test_while_the_queue_is_that_of_another_studio_no_turn_is_asked_for(
    waiting: Waiting, queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queue.claim("another")
    queue.enqueue_training(1, 1, needs_gpu=False)
    wait_for(lambda: "Another studio that runs uses this queue" in caplog.text)
    assert not waiting.pool.poll()


def test_a_process_whose_pool_is_gone_ends() -> None:
    pool, theirs = Pipe()
    turn = Turn(theirs)
    turn.ask("cpu")
    pool.close()
    calls: list[Callable[[], object]] = [lambda: turn.comes(1), turn.give_back]
    for call in calls:
        with pytest.raises(SystemExit, match="is gone"):
            call()
