"""The only connection between web and worker: jobs by their string name, with ids for arguments, as JSON.

The queue also carries notifications that may be lost without harm: that the alias has moved, which saves a poll, and
what each web process serves and each worker's machine has, which the System page shows.

Several studios can share one server: the names of all that one of them keeps there begin with its QUEUE_PREFIX. A
studio that runs claims its names, so that a second one that was given the same ones is told. The claim ends by itself,
since a studio that is killed cannot end it.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psutil
from redis import Redis
from redis.exceptions import RedisError

from models.serving.hot_swap import ServingState
from models.words import N_

if TYPE_CHECKING:
    from rq import Queue
    from rq.worker import BaseWorker

TRAIN_JOB = "worker.jobs.train"
GPU_QUEUE, CPU_QUEUE, OLD_QUEUE = "gpu", "cpu", "default"
QUEUES = (GPU_QUEUE, CPU_QUEUE, OLD_QUEUE)
"""The queues by what their jobs need; older releases put every job into the last one."""
_LONGEST_CLAIM_SECONDS = 60
_RELEASED_CLAIM_SECONDS = 10
"""Limits a claim that one process gave up; the others of the studio renew it more often."""
_CLAIM_LOOK_SECONDS = 0.5
_STUDIO_KEY = "mellow:studio"
_CHANNEL = "mellow:alias"
_PROCESS_KEY = "mellow:web:"
_PROCESS_TTL_SECONDS = 10
_PARTS_KEY = "mellow:parts:"
_WORKER_KEY = "mellow:worker:"
WORKER_TTL_SECONDS = 60
# That a worker reports at all, which RQ's own does not: known for longer than RQ keeps one that was killed.
_REPORTS_KEY = "mellow:worker-reports:"
_REPORTS_TTL_SECONDS = 3600


TAKEN = N_(
    "Another studio that runs uses this queue: give each its own QUEUE_PREFIX, "
    "or its own database number at the end of REDIS_URL."
)


class QueueTaken(RedisError):
    """The queue cannot be used, since another studio that runs uses the same names in it."""


def in_queue(prefix: str, name: str) -> str:
    """Return what a queue or a key of the studio with that QUEUE_PREFIX is called."""
    return f"{prefix}:{name}" if prefix else name


def report_worker(redis: Redis, name: str, machine: dict[str, Any]) -> None:
    """Report the machine of the worker of that name; forgotten unless repeated. Raises RedisError."""
    redis.set(_WORKER_KEY + name, json.dumps(machine), ex=WORKER_TTL_SECONDS)
    redis.set(_REPORTS_KEY + name, 1, ex=_REPORTS_TTL_SECONDS)


def _ended(worker: BaseWorker) -> bool:
    """Return whether a worker's process ran on this machine and does no more."""
    here = worker.hostname == socket.gethostname()
    return bool(here and worker.pid and not psutil.pid_exists(worker.pid))


class JobQueue:
    """The queue at `url`. Connections are made when first needed; every method may raise RedisError.

    So are RQ's two megabytes loaded: for runs and the pages that show workers, not for rewrites and judgments. A queue
    that no other studio can use need not be claimed.
    """

    def __init__(self, url: str, prefix: str = "", *, claims: bool = True) -> None:
        self._prefix = prefix
        self._claims = claims
        self._claimed: bytes | None = None
        self._taken = False
        self._redis = Redis.from_url(
            url, socket_connect_timeout=3, socket_timeout=10, health_check_interval=30, retry_on_timeout=True
        )

    @cached_property
    def _queues(self) -> Mapping[str, Queue]:
        from rq import Queue
        from rq.serializers import JSONSerializer

        return {
            name: Queue(in_queue(self._prefix, name), connection=self._redis, serializer=JSONSerializer)
            for name in QUEUES
        }

    @property
    def _serializer(self) -> Any:
        return self._queues[OLD_QUEUE].serializer

    def _key(self, name: str) -> str:
        return in_queue(self._prefix, name)

    def claim(self, studio: str) -> None:
        """Claim the queue's names for a minute, for the studio of that mark; raises QueueTaken if another has them."""
        if not self._claims:
            return
        key, mark = self._key(_STUDIO_KEY), studio.encode()
        if not self._redis.set(key, mark, nx=True, ex=_LONGEST_CLAIM_SECONDS):
            holder = self._redis.get(key)
            self._taken = holder not in (None, mark)
            self.check()
            self._redis.expire(key, _LONGEST_CLAIM_SECONDS)
        self._taken, self._claimed = False, mark

    def claim_at_start(self, studio: str, on_wait: Callable[[], None]) -> None:
        """Claim as `claim` does, but first wait for a claim to run out that nobody renews; tells once that it waits.

        Such a claim is left by a studio that was killed, and by this one before its database was made anew or restored.
        """
        left: int | None = None
        while True:
            try:
                self.claim(studio)
                return
            except QueueTaken:
                before, left = left, int(self._redis.pttl(self._key(_STUDIO_KEY)))
                if before is None:
                    on_wait()
                elif left > before - _CLAIM_LOOK_SECONDS * 500:
                    raise  # whoever runs renews it every few seconds
            time.sleep(_CLAIM_LOOK_SECONDS)

    def release(self) -> None:
        """Claim no more, and let the claim run out within seconds, unless another process of the studio renews it."""
        self._claims, key = False, self._key(_STUDIO_KEY)
        if self._claimed is not None and self._redis.get(key) == self._claimed:
            self._redis.expire(key, _RELEASED_CLAIM_SECONDS)

    def check(self) -> None:
        """Raise QueueTaken if the last claim was refused."""
        if self._taken:
            raise QueueTaken(TAKEN)

    def ping(self) -> None:
        """Raise RedisError unless the queue responds and is this studio's."""
        self.check()
        self._redis.ping()

    def enqueue_training(self, run_id: int, attempt: int, needs_gpu: bool) -> str:
        """Enqueue a training; returns the job's id, which is the same for the same attempt."""
        self.check()
        job_id = f"{self._prefix}-train-{run_id}-{attempt}".removeprefix("-")
        queue = self._queues[GPU_QUEUE if needs_gpu else CPU_QUEUE]
        queue.enqueue(TRAIN_JOB, run_id, job_id=job_id, job_timeout=-1, result_ttl=3600, failure_ttl=86400)
        return job_id

    def has_job(self, job_id: str) -> bool:
        """Return whether that job still waits or runs, as far as the queue knows.

        One that a worker took from the queue waits no more, and runs once the worker has said so. RQ takes minutes to
        see that a worker was killed: a job whose worker ran on this machine and is gone runs no more.
        """
        from rq.exceptions import NoSuchJobError
        from rq.job import Job

        try:
            job = Job.fetch(job_id, connection=self._redis, serializer=self._serializer)
        except NoSuchJobError:
            return False
        if job.is_queued:
            return any(job_id in queue.job_ids for queue in self._queues.values() if queue.name == job.origin)
        if job.is_finished or job.is_failed or job.is_canceled or job.is_stopped:
            return False
        return job.worker_name is None or not self._is_gone(job.worker_name)

    def _is_gone(self, worker_name: str) -> bool:
        """Return whether the queue knows a worker of that name whose process ran on this machine and does no more."""
        from rq import Worker

        key = Worker.redis_worker_namespace_prefix + worker_name
        worker = Worker.find_by_key(key, connection=self._redis, serializer=self._serializer)
        return worker is not None and _ended(worker)

    def forget(self, job_id: str) -> None:
        """Take a job that waits out of its queue, if it still does."""
        for queue in self._queues.values():
            queue.remove(job_id)

    def untaken(self, job_id: str) -> str | None:
        """Return the name of the queue in which a job waits, if no living worker takes from it.

        Every machine answers the same: a worker that was killed is taken for living until its reports stop, since that
        its process is gone is known on its own machine alone.
        """
        for name, queue in self._queues.items():
            if job_id in queue.job_ids:
                return None if any(queue.name in worker.queue_names() for worker, _ in self._registered()) else name
        return None

    def workers(self) -> list[dict[str, Any]]:
        """Return the living workers: name, host, queues, state, id of the present job, and when it started (ISO 8601).

        `machine` is the worker's last report of its machine (see `report_worker`), or None if there is none. RQ itself
        keeps a worker that was killed for minutes: left out are those of this machine whose process is gone, and
        those that used to report and have not for WORKER_TTL_SECONDS.
        """
        return [
            {
                "name": w.name,
                "host": w.hostname,
                "queues": [name for name, queue in self._queues.items() if queue.name in w.queue_names()],
                "state": str(w.get_state()),
                "job": w.get_current_job_id(),
                "since": w.birth_date.isoformat() if w.birth_date else None,
                "machine": json.loads(said) if said else None,
            }
            for w, said in self._registered()
            if not _ended(w)
        ]

    def _registered(self) -> list[tuple[BaseWorker, bytes | str | None]]:
        """Return the workers that have not stopped to report, with their last reports, by their names."""
        from rq import Worker

        keys = {key for queue in self._queues.values() for key in Worker.all_keys(queue=queue)}
        found = (Worker.find_by_key(key, connection=self._redis, serializer=self._serializer) for key in keys)
        workers = sorted((worker for worker in found if worker is not None), key=lambda w: str(w.name))
        # In this order: a worker that reports for the first time between the two must not look as if it had stopped to.
        report, told = (
            self._redis.mget([key + w.name for w in workers]) if workers else [] for key in (_REPORTS_KEY, _WORKER_KEY)
        )
        found_all = zip(workers, told, report, strict=True)
        return [(w, said) for w, said, reports in found_all if not (reports and said is None)]

    def depth(self) -> int:
        """Return how many jobs wait for a worker."""
        return sum(queue.count for queue in self._queues.values())

    def tell_alias_moved(self, version: int) -> None:
        """Tell every web process to read the alias now."""
        self._redis.publish(self._key(_CHANNEL), version)

    def report(self, process: str, state: ServingState) -> None:
        """Report what one web process serves; forgotten unless repeated."""
        self._redis.set(self._key(_PROCESS_KEY) + process, json.dumps(asdict(state)), ex=_PROCESS_TTL_SECONDS)

    def reports(self) -> dict[str, ServingState]:
        """Return what each running web process serves, by process name."""
        return {process: ServingState(**said) for process, said in self._said(_PROCESS_KEY).items()}

    def report_parts(self, machine: str, parts: Mapping[str, Any]) -> None:
        """Report the parts that a machine's launcher keeps running; forgotten unless repeated."""
        self._redis.set(self._key(_PARTS_KEY) + machine, json.dumps(parts), ex=_PROCESS_TTL_SECONDS)

    def parts(self) -> dict[str, Any]:
        """Return what was reported of the parts of each machine, by its name."""
        return self._said(_PARTS_KEY)

    def _said(self, prefix: str) -> dict[str, Any]:
        """Return what was reported under keys that begin so, by the rest of the key."""
        prefix = self._key(prefix)
        keys = sorted(self._redis.scan_iter(match=f"{prefix}*"))
        values = self._redis.mget(keys) if keys else []
        found = zip(keys, values, strict=True)
        return {key.decode().removeprefix(prefix): json.loads(value) for key, value in found if value is not None}

    def listen(self, on_move: Callable[[], None], stop: threading.Event) -> None:
        """Call `on_move` at every move of the alias until `stop` is set; retries while the queue is away."""
        redis: Any = self._redis  # redis-py leaves its subscriptions untyped
        while not stop.is_set():
            try:
                with redis.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(self._key(_CHANNEL))
                    while not stop.is_set():
                        if channel.get_message(timeout=1.0):
                            on_move()
            except RedisError:
                stop.wait(2.0)
