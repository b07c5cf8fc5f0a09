"""The seam between web and worker, on a real Valkey."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from app.runtime.queue import TRAIN_JOB, JobQueue, QueueTaken, report_worker
from models.serving.hot_swap import ServingState


@pytest.fixture
def queue(queue_url: str) -> JobQueue:
    return JobQueue(queue_url)


@pytest.fixture
def redis(queue_url: str) -> Iterator[Redis]:
    with Redis.from_url(queue_url) as connection:
        yield connection


def test_what_crosses_the_queue_is_json_with_an_id_for_an_argument(queue: JobQueue, redis: Redis) -> None:
    job_id = queue.enqueue_training(7, 2, needs_gpu=False)
    assert job_id == "train-7-2"
    data = redis.hget(f"rq:job:{job_id}", "data")
    assert isinstance(data, bytes)
    assert json.loads(zlib.decompress(data)) == ["worker.jobs.train", None, [7], {}]


def test_a_job_is_there_until_it_has_ended(queue: JobQueue, redis: Redis) -> None:
    assert not queue.has_job("train-7-1")
    queue.enqueue_training(7, 1, needs_gpu=False)
    assert queue.has_job("train-7-1")
    Job.fetch("train-7-1", connection=redis, serializer=JSONSerializer).cancel()
    assert not queue.has_job("train-7-1")
    queue.enqueue_training(8, 1, needs_gpu=False)
    redis.flushall()
    assert not queue.has_job("train-8-1")


def test_the_job_of_a_worker_that_was_killed_on_this_machine_is_there_no_more(queue: JobQueue, redis: Redis) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    queue.enqueue_training(7, 1, needs_gpu=False)
    job = Job.fetch("train-7-1", connection=redis, serializer=JSONSerializer)
    worker = Worker(["default"], connection=redis, name="w1", serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]
    with redis.pipeline() as pipeline:
        job.prepare_for_execution("w1", pipeline)
        pipeline.execute()
    assert queue.has_job("train-7-1")
    redis.hset(worker.key, mapping={"pid": ended.stdout.strip()})
    assert not queue.has_job("train-7-1")
    redis.hset(worker.key, mapping={"hostname": "another"})
    assert queue.has_job("train-7-1"), "nobody here knows what runs there"
    redis.delete(worker.key)
    assert queue.has_job("train-7-1"), "the queue knows no such worker"


def test_a_job_that_a_worker_took_and_lost_is_not_there(queue: JobQueue, redis: Redis) -> None:
    queue.enqueue_training(7, 1, needs_gpu=False)
    redis.lpop("rq:queue:cpu")
    assert not queue.has_job("train-7-1")
    Job.fetch("train-7-1", connection=redis, serializer=JSONSerializer).set_status(JobStatus.STARTED)
    assert queue.has_job("train-7-1")


def test_the_workers_that_are_alive_are_named(queue: JobQueue, redis: Redis) -> None:
    assert queue.workers() == []
    worker = Worker(["default"], connection=redis, name="w1", serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]
    worker.set_state("idle")
    (found,) = queue.workers()
    assert (found["name"], found["host"], found["state"]) == ("w1", worker.hostname, "idle")
    assert (found["job"], found["machine"]) == (None, None)
    report_worker(redis, "w1", {"cores": 2})
    assert queue.workers()[0]["machine"] == {"cores": 2}
    worker.register_death()  # type: ignore[no-untyped-call]
    assert queue.workers() == []


def test_the_depth_is_how_many_jobs_wait(queue: JobQueue) -> None:
    assert queue.depth() == 0
    for run_id in (1, 2):
        queue.enqueue_training(run_id, 1, needs_gpu=run_id == 1)
    assert queue.depth() == 2


def test_a_job_waits_in_the_queue_of_what_it_needs(queue: JobQueue, redis: Redis) -> None:
    queue.enqueue_training(1, 1, needs_gpu=True)
    queue.enqueue_training(2, 1, needs_gpu=False)
    assert redis.lrange("rq:queue:gpu", 0, -1) == [b"train-1-1"]
    assert redis.lrange("rq:queue:cpu", 0, -1) == [b"train-2-1"]


def test_what_an_older_release_has_enqueued_is_known(queue: JobQueue, redis: Redis) -> None:
    Queue(connection=redis, serializer=JSONSerializer).enqueue(TRAIN_JOB, 7, job_id="train-7-1")
    assert queue.has_job("train-7-1")
    assert queue.depth() == 1


def test_two_studios_on_one_server_see_nothing_of_each_other(queue_url: str, redis: Redis) -> None:
    alone, one, two = (JobQueue(queue_url, prefix) for prefix in ("", "one", "two"))
    jobs = {queue: queue.enqueue_training(7, 1, needs_gpu=True) for queue in (alone, one)}
    assert list(jobs.values()) == ["train-7-1", "one-train-7-1"]
    assert redis.lrange("rq:queue:one:gpu", 0, -1) == [b"one-train-7-1"]
    assert [queue.depth() for queue in (alone, one, two)] == [1, 1, 0]
    assert all(queue.has_job(job) for queue, job in jobs.items())
    worker = Worker(["one:gpu", "one:cpu"], connection=redis, name="w1", serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]
    assert [[w["queues"] for w in queue.workers()] for queue in (alone, one, two)] == [[], [["gpu", "cpu"]], []]
    one.report("box:1", ServingState(1, 1, None))
    one.report_parts("box", {"web": {"state": "running"}})
    assert [len(queue.reports()) + len(queue.parts()) for queue in (alone, one, two)] == [0, 2, 0]


def test_a_second_studio_with_the_same_names_is_refused_while_the_first_runs(queue_url: str, redis: Redis) -> None:
    first, second, apart = JobQueue(queue_url), JobQueue(queue_url), JobQueue(queue_url, "apart")
    for _ in range(2):
        first.claim("first")
    with pytest.raises(QueueTaken, match=r"^Another studio that runs uses this queue: give each its own QUEUE_PREFIX"):
        second.claim("second")
    for call in (second.ping, lambda: second.enqueue_training(1, 1, needs_gpu=True)):
        with pytest.raises(QueueTaken):
            call()
    apart.claim("second")
    assert 0 < int(redis.ttl("mellow:studio")) <= 60
    redis.delete("mellow:studio")
    second.claim("second")
    second.ping()


def test_a_process_that_ends_lets_its_claim_run_out_soon_and_no_claim_of_another(queue_url: str, redis: Redis) -> None:
    first, second = JobQueue(queue_url), JobQueue(queue_url)
    first.claim("first")
    second.release()
    assert int(redis.ttl("mellow:studio")) > 50, "the second has claimed nothing"
    first.release()
    assert 0 < int(redis.ttl("mellow:studio")) <= 10
    redis.set("mellow:studio", "second", ex=60)
    first.release()
    assert int(redis.ttl("mellow:studio")) > 50


def test_a_start_waits_for_a_claim_that_nobody_renews(queue_url: str, redis: Redis) -> None:
    waits: list[str] = []
    redis.set("mellow:studio", "before it was restored", px=700)
    JobQueue(queue_url).claim_at_start("restored", lambda: waits.append("told"))
    assert waits == ["told"]
    assert redis.get("mellow:studio") == b"restored"


def test_a_start_is_refused_once_another_studio_renews_its_claim(queue_url: str, redis: Redis) -> None:
    other, queue = JobQueue(queue_url), JobQueue(queue_url)
    redis.set("mellow:studio", "another", ex=50)
    with pytest.raises(QueueTaken):
        queue.claim_at_start("restored", lambda: other.claim("another"))


def test_a_queue_that_no_other_studio_can_use_is_not_claimed(queue_url: str, redis: Redis) -> None:
    queue = JobQueue(queue_url, claims=False)
    for mark in ("before it was restored", "restored"):
        queue.claim(mark)
    queue.release()
    assert not redis.exists("mellow:studio")


def test_a_worker_that_was_killed_here_counts_as_elsewhere_until_its_reports_stop(
    queue: JobQueue, redis: Redis
) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    job = queue.enqueue_training(1, 1, needs_gpu=True)
    worker = Worker(["gpu"], connection=redis, name="w1", serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]
    report_worker(redis, "w1", {})
    redis.hset(worker.key, mapping={"pid": ended.stdout.strip()})
    assert (queue.workers(), queue.untaken(job)) == ([], None)
    redis.delete("mellow:worker:w1")
    assert queue.untaken(job) == "gpu"


def test_where_no_worker_takes_a_job_is_known(queue: JobQueue, redis: Redis) -> None:
    job = queue.enqueue_training(1, 1, needs_gpu=True)
    assert queue.untaken(job) == "gpu"
    worker = Worker(["cpu"], connection=redis, name="w1", serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]
    assert queue.untaken(job) == "gpu"
    other = Worker(["gpu"], connection=redis, name="w2", serializer=JSONSerializer)
    other.register_birth()  # type: ignore[no-untyped-call]
    assert queue.untaken(job) is None
    assert queue.untaken("train-9-1") is None, "a worker has taken it"


def test_a_job_that_is_forgotten_waits_no_more(queue: JobQueue) -> None:
    job = queue.enqueue_training(1, 1, needs_gpu=True)
    queue.forget(job)
    assert (queue.depth(), queue.has_job(job)) == (0, False)
    queue.forget(job)


def test_what_a_web_process_serves_is_known_as_long_as_it_says_so(queue: JobQueue, redis: Redis) -> None:
    state = ServingState(1, 2, "Version 2 is damaged.")
    queue.report("box:1", state)
    queue.report("box:0", ServingState(2, 2, None))
    assert queue.reports() == {"box:0": ServingState(2, 2, None), "box:1": state}
    assert 0 < int(redis.ttl("mellow:web:box:1")) <= 10
    redis.delete("mellow:web:box:1")
    assert list(queue.reports()) == ["box:0"]


def test_what_a_machine_keeps_running_is_known_as_long_as_it_says_so(queue: JobQueue, redis: Redis) -> None:
    assert queue.parts() == {}
    queue.report_parts("box", {"web": {"state": "running"}})
    assert queue.parts() == {"box": {"web": {"state": "running"}}}
    assert 0 < int(redis.ttl("mellow:parts:box")) <= 10


def test_every_process_hears_that_the_alias_moved(queue: JobQueue, redis: Redis) -> None:
    heard, stop = threading.Event(), threading.Event()
    listener = threading.Thread(target=queue.listen, args=(heard.set, stop))
    listener.start()
    try:
        while not heard.wait(0.02):
            queue.tell_alias_moved(2)  # until the listener has subscribed, nobody hears it
    finally:
        stop.set()
        queue.tell_alias_moved(2)
        listener.join(5)
    assert not listener.is_alive()


def test_a_queue_that_is_away_is_an_error_for_whoever_asks_and_none_for_who_listens() -> None:
    away = JobQueue("unix:///nowhere/valkey.sock")
    for call in (away.ping, away.workers, away.depth, away.reports, lambda: away.enqueue_training(1, 1, True)):
        with pytest.raises(RedisError):
            call()
    stop = threading.Event()
    listener = threading.Thread(target=away.listen, args=(lambda: None, stop))
    listener.start()
    stop.set()
    listener.join(5)
    assert not listener.is_alive()
