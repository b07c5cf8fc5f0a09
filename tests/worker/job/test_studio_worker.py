"""Which jobs the studio's worker runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from app.runtime.queue import QUEUES, TRAIN_JOB
from worker.job.studio_worker import StudioWorker


@pytest.fixture
def redis(queue_url: str) -> Iterator[Redis]:
    with Redis.from_url(queue_url) as connection:
        yield connection


@pytest.mark.parametrize("function", ["os.mkdir", TRAIN_JOB])
def test_a_job_that_calls_anything_but_the_training_fails_and_is_not_run(
    redis: Redis, tmp_path: Path, function: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "made"
    queue = Queue(connection=redis, serializer=JSONSerializer)
    called = {"on_failure": Callback("os.mkdir")} if function == TRAIN_JOB else {}
    job = queue.enqueue(function, str(folder), **called)
    StudioWorker(["default"], connection=redis, serializer=JSONSerializer).execute_job(job, queue)
    assert job.get_status(refresh=True) == JobStatus.FAILED
    assert not folder.exists()
    assert "is not what this worker does" in caplog.text
    result = job.latest_result()
    assert result is not None
    assert result.exc_string == "This worker runs trainings of Mellow alone."


@pytest.mark.parametrize(
    ("named", "taken"),
    [(["default"], list(QUEUES)), (["cpu"], ["cpu"]), (["gpu", "cpu"], ["gpu", "cpu"])],
    ids=["the command of older releases", "no GPU at hand", "the first queue first"],
)
def test_a_worker_takes_jobs_from_the_queues_named(redis: Redis, named: list[str], taken: list[str]) -> None:
    worker = StudioWorker(named, connection=redis, serializer=JSONSerializer)
    assert worker.queue_names() == taken


def test_the_queues_of_a_studio_with_a_prefix_begin_with_it(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_PREFIX", "one")
    worker = StudioWorker(["gpu", "cpu"], connection=redis, serializer=JSONSerializer)
    assert worker.queue_names() == ["one:gpu", "one:cpu"]


def test_no_queue_of_a_pool_unpickles_what_is_in_it(redis: Redis) -> None:
    pooled = [Queue(name, connection=redis) for name in ("gpu", "cpu")]  # as RQ's pool of workers makes them
    worker = StudioWorker(pooled, connection=redis, serializer=JSONSerializer)
    assert {queue.serializer for queue in worker.queues} == {JSONSerializer}
