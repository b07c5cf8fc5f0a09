"""An RQ worker that imports the training libraries in advance and reports its hardware.

    rq worker --worker-class worker.studio_worker.StudioWorker … gpu cpu default

It takes jobs from the queues named, the first ones first; from all of them if none or only the old `default` is named,
as in the commands of older releases. QUEUE_PREFIX comes before their names.

RQ's own class trains as well if it is told all three queues, but then each run begins by importing the libraries, and
the System page shows no hardware for the worker.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import ForkProcess
from typing import Any, TypeVar

from redis import ConnectionPool, Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, ResponseError, TimeoutError
from rq import Queue, Worker, worker_registration
from rq.job import Job

from app.config import queue_prefix_of_environment
from app.runtime.queue import OLD_QUEUE, QUEUES, TRAIN_JOB, WORKER_TTL_SECONDS, in_queue, report_worker
from worker.job.machine import machine
from worker.job.preloading import preload, prepare_run

log = logging.getLogger(__name__)

_QUEUE_LOOK_SECONDS = 2.0
_CANNOT_WRITE = "MISCONF"
"""What Redis and Valkey answer while their disk is full."""

Result = TypeVar("Result")


class StudioWorker(Worker):
    """Worker that preloads what runs need before it waits for them, and reports its hardware while it lives.

    It registers, and so appears on the System page, before it loads anything; a job that arrives meanwhile waits.
    """

    _reporter: threading.Thread | None = None
    _preloaded = False
    _preparing: ForkProcess | None = None

    def __init__(self, queues: Sequence[str | Queue], *args: Any, **kwargs: Any) -> None:
        # By name: the queues that RQ's pool of workers makes would unpickle what is in them.
        names = [queue if isinstance(queue, str) else queue.name for queue in queues]
        prefix = queue_prefix_of_environment()
        taken = [in_queue(prefix, name) for name in (QUEUES if names == [OLD_QUEUE] else names)]
        super().__init__(taken, *args, **kwargs)

    def register_birth(self) -> None:
        """Register the worker, once the queue takes it, and start the hardware report."""
        self._ended = threading.Event()
        self._once_it_takes(super().register_birth)
        self._reporter = threading.Thread(target=self._report, name="machine-report", daemon=True)
        self._reporter.start()

    def register_death(self) -> None:
        """Stop the preparation and the report, and unregister the worker."""
        if self._preparing is not None:
            self._preparing.kill()
        if self._reporter is not None:
            self._ended.set()
            self._reporter.join()
        super().register_death()  # type: ignore[no-untyped-call]

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Return the next job; first preload the libraries and, while no job waits, prepare the next run.

        While the queue cannot write, or does not respond in time, wait for it; RQ's own worker ends.
        """
        with _exiting_on_signals():
            if not self._preloaded:
                self._preloaded = True
                preload()
            if self._preparing is None and self._idle():
                self._preparing = multiprocessing.get_context("fork").Process(target=prepare_run, daemon=True)
                self._preparing.start()
        dequeue = partial(super().dequeue_job_and_maintain_ttl, timeout, max_idle_time)
        return self._once_it_takes(dequeue)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Carry out the job and end the preparation, since another version may be live afterwards.

        If the queue is away when the job ends, wait for it: the database has the result already. A job that asks for
        anything but a training fails without being run, since whoever can write to the queue can name any function.
        """
        try:
            if self.may_run(job):
                super().execute_job(job, queue)
            else:
                self._refuse(job, queue)
        except RedisError as error:
            log.warning("The queue is away; the worker waits for it: %s", error)
            self._wait_for_queue()
        if self._preparing is not None:
            self._preparing.kill()
            self._preparing = None

    def may_run(self, job: Job) -> bool:
        """Return whether a job is a training, with nothing else to be called when it ends."""
        others = (job._success_callback_name, job._failure_callback_name, job._stopped_callback_name)
        return job.func_name == TRAIN_JOB and not any(others)

    def _refuse(self, job: Job, queue: Queue) -> None:
        log.error("Job %s asks for %r, which is not what this worker does: it is not run.", job.id, job.func_name)
        self.prepare_execution(job)
        self.handle_job_failure(job, queue, exc_string="This worker runs trainings of Mellow alone.")
        self.set_state("idle")

    def maintain_heartbeats(self, job: Job) -> None:
        """Tell the queue that the worker and its job live; while it is away the job goes on, and the next time tells.

        RQ's own worker ends, and leaves the job without one.
        """
        try:
            super().maintain_heartbeats(job)
        except RedisError as error:
            log.warning("The queue is away; the job goes on: %s", error)

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: Pipeline | None = None) -> None:
        """Tell the queue how long the job has worked; while it is away or cannot write, the next time tells."""
        try:
            super().set_current_job_working_time(current_job_working_time, pipeline)
        except RedisError as error:
            log.debug("The queue is away; it is not known how long the job has worked: %s", error)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Tell the queue that the worker lives; while it is away or cannot write, the next time tells."""
        try:
            super().heartbeat(timeout, pipeline)
        except RedisError as error:
            log.debug("The queue is away; the worker is not known to live: %s", error)

    def run_maintenance_tasks(self) -> None:
        """Remove what other workers left in the queue; while it is away or cannot write, the next time does it."""
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except RedisError as error:
            log.debug("The queue is away; it is not cleaned: %s", error)

    def machine(self) -> dict[str, Any]:
        """Return what is reported of this machine."""
        return machine()

    def _once_it_takes(self, call: Callable[[], Result]) -> Result | None:
        """Return what `call` returns, called again once the queue can be used; None if a stop was requested first."""
        while True:
            try:
                return call()
            except (TimeoutError, ResponseError) as error:
                if isinstance(error, ResponseError) and not str(error).startswith(_CANNOT_WRITE):
                    raise
                log.warning("The queue cannot be used; the worker waits for it: %s", error)
            self._wait_for_queue()
            if self._stop_requested:
                return None

    def _stay_known(self, redis: Redis) -> None:
        """Register again if the queue has forgotten the worker, as it does while the computer sleeps."""
        if not redis.hexists(self.key, "birth") or not redis.sismember(self.redis_workers_keys, self.key):
            with redis.pipeline() as pipeline:
                pipeline.hset(self.key, mapping=self.serialize())
                pipeline.hset(self.key, "state", self._state)
                worker_registration.register(self, pipeline)
                pipeline.expire(self.key, self.worker_ttl + 60)
                pipeline.execute()

    def _wait_for_queue(self) -> None:
        """Return once the queue responds, or a stop was requested."""
        while not self._stop_requested:
            try:
                self.connection.ping()
                return
            except RedisError:
                self._ended.wait(_QUEUE_LOOK_SECONDS)

    def _idle(self) -> bool:
        """Return True if the queue says that no job waits."""
        try:
            return not any(queue.count for queue in self.queues)
        except RedisError:
            return False

    def _report(self) -> None:
        """Report the hardware until the worker ends."""
        # A pool of its own: a connection of the worker's pool that is older than the worker has the library's
        # short time limit, and would end the worker if it came to wait for jobs.
        pool = self.connection.connection_pool
        own = Redis(connection_pool=ConnectionPool(pool.connection_class, **pool.connection_kwargs))
        while True:
            try:
                report_worker(own, self.name, self.machine())
                self._stay_known(own)
            except RedisError as error:
                log.debug("The queue is away; this machine is not reported: %s", error)
            multiprocessing.active_children()  # reaps a preparation that has ended
            if self._ended.wait(WORKER_TTL_SECONDS / 3):
                own.connection_pool.disconnect()
                return


@contextmanager
def _exiting_on_signals() -> Iterator[None]:
    """End the process as soon as SIGINT or SIGTERM arrives.

    RQ's handler raises an exception, which a library may swallow while it is imported, and exceptions raised during a
    fork are ignored. The signal is therefore also remembered, and the process ends on leaving the context.
    """
    received: list[int] = []

    def end(number: int, _: object) -> None:
        received.append(number)
        sys.exit()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        sys.exit()
