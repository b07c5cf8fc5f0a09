"""The queue is away for a while: the job goes on, and so does its worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as QueueAway
from redis.retry import Retry
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.runtime.embedded_queue import EmbeddedQueue
from app.runtime.queue import JobQueue
from worker.job import studio_worker
from worker.job.studio_worker import StudioWorker


@pytest.fixture
def working(tmp_path: Path) -> Iterator[tuple[StudioWorker, Job]]:
    """A worker and its job, whose queue is away; `EmbeddedQueue(tmp_path)` brings it back."""
    with EmbeddedQueue(tmp_path) as queue:
        redis = Redis.from_url(queue.url, retry=Retry(NoBackoff(), 0))
        made = StudioWorker(["default"], connection=redis, name="w1", serializer=JSONSerializer)
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
