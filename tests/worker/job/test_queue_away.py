"""The queue is away for a while: the job goes on, and so does its worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as QueueAway
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from redis.exceptions import TimeoutError as QueueTimeout
from redis.retry import Retry
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.runtime.embedded_queue import EmbeddedQueue
from app.runtime.queue import JobQueue
from tests.worker.job.any_job import AnyJobWorker
from worker.job import studio_worker
from worker.job.studio_worker import StudioWorker

FULL = ResponseError("MISCONF Errors writing to the AOF file: No space left on device")


@pytest.fixture
def working(tmp_path: Path) -> Iterator[tuple[StudioWorker, Job]]:
    """A worker and its job, whose queue is away; `EmbeddedQueue(tmp_path)` brings it back."""
    with EmbeddedQueue(tmp_path) as queue:
        redis = Redis.from_url(queue.url, retry=Retry(NoBackoff(), 0))
        made = AnyJobWorker(["default"], connection=redis, name="w1", serializer=JSONSerializer)
        made.register_birth()
        job = Queue(connection=redis, serializer=JSONSerializer).enqueue("os.getpid")
        made.prepare_execution(job)
    redis.connection_pool.disconnect()
    yield made, job
    made._ended.set()
    redis.close()


def test_a_job_goes_on_while_the_queue_is_away_and_the_worker_is_known_again_when_it_is_back(
    working: tuple[StudioWorker, Job], tmp_path: Path
) -> None:
    worker, job = working
    with pytest.raises(QueueAway):
        worker.connection.ping()
    worker.maintain_heartbeats(job)
    with EmbeddedQueue(tmp_path) as queue:
        worker.connection.delete(worker.key)  # it was away for so long that it forgot
        worker.maintain_heartbeats(job)
        assert [found["name"] for found in JobQueue(queue.url).workers()] == ["w1"]


def test_a_worker_whose_job_ends_while_the_queue_is_away_waits_for_it(
    working: tuple[StudioWorker, Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, job = working
    monkeypatch.setattr(studio_worker, "_QUEUE_LOOK_SECONDS", 0.01)
    asked = threading.Event()

    def tell_the_result(worker: Worker, *_: object) -> None:
        asked.set()
        worker.connection.ping()

    monkeypatch.setattr(Worker, "execute_job", tell_the_result)
    thread = threading.Thread(target=worker.execute_job, args=(job, worker.queues[0]))
    thread.start()
    assert asked.wait(20)
    with EmbeddedQueue(tmp_path):
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def waiting(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudioWorker]:
    """A worker that is registered and waits for jobs."""
    monkeypatch.setattr(studio_worker, "_QUEUE_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(studio_worker, "preload", lambda: None)
    monkeypatch.setattr(StudioWorker, "_idle", lambda _self: False)
    monkeypatch.setattr(StudioWorker, "_report", lambda _self: None)
    with Redis.from_url(queue_url) as redis:
        worker = StudioWorker(["default"], connection=redis, name="w1", serializer=JSONSerializer)
        worker.register_birth()
        yield worker
        worker.register_death()


def test_a_worker_that_the_queue_forgot_while_the_computer_slept_is_known_again(
    waiting: StudioWorker, queue_url: str
) -> None:
    queue = JobQueue(queue_url)
    waiting.connection.delete(waiting.key)
    assert queue.workers() == []
    waiting.heartbeat()  # its key is there again, with nothing but the time
    waiting._stay_known(waiting.connection)
    (found,) = queue.workers()
    assert (found["name"], found["host"]) == ("w1", waiting.hostname)
    assert 0 < int(waiting.connection.ttl(waiting.key)) <= waiting.worker_ttl + 60


@pytest.mark.parametrize("trouble", [FULL, QueueTimeout("no answer in time")], ids=["disk full", "no answer"])
def test_a_worker_waits_for_a_queue_that_cannot_be_used_and_then_takes_the_next_job(
    waiting: StudioWorker, trouble: RedisError, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = [trouble, trouble, ("job", "queue")]
    pings: list[object] = [trouble, True, True]

    def answer(_worker: object, *_: object) -> object:
        return _said(answers.pop(0))

    monkeypatch.setattr(Worker, "dequeue_job_and_maintain_ttl", answer)
    monkeypatch.setattr(waiting.connection, "ping", lambda: _said(pings.pop(0)))
    taken: object = waiting.dequeue_job_and_maintain_ttl(1)
    assert taken == ("job", "queue")
    assert (answers, pings) == ([], [])


def _said(answer: object) -> object:
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_a_worker_that_may_not_use_the_queue_ends(waiting: StudioWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_worker: object, *_: object) -> None:
        raise NoPermissionError("this user may not")

    monkeypatch.setattr(Worker, "dequeue_job_and_maintain_ttl", refuse)
    with pytest.raises(NoPermissionError):
        waiting.dequeue_job_and_maintain_ttl(1)


def test_a_worker_that_is_told_to_end_while_it_waits_takes_no_job(
    waiting: StudioWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(worker: StudioWorker, *_: object) -> None:
        worker._stop_requested = True
        raise FULL

    monkeypatch.setattr(Worker, "dequeue_job_and_maintain_ttl", fail)
    assert waiting.dequeue_job_and_maintain_ttl(1) is None


def test_what_a_worker_tells_of_itself_may_fail(waiting: StudioWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(waiting.connection, "hset", fail)
        patch.setattr(waiting, "clean_registries", fail)
        waiting.heartbeat()
        waiting.set_current_job_working_time(7)
        waiting.run_maintenance_tasks()
    assert waiting.current_job_working_time == 7
