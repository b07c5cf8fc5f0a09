"""RQ's worker, which also says what its machine has, for the admin's System page.

    rq worker --worker-class worker.studio_worker.StudioWorker …

RQ's own class trains just as well; the page then names the worker without its machine.
"""

from __future__ import annotations

import logging
import threading

from redis import ConnectionPool, Redis
from redis.exceptions import RedisError
from rq import Worker

from app.queue import WORKER_TTL_SECONDS, report_worker
from worker.machine import machine

log = logging.getLogger(__name__)


class StudioWorker(Worker):
    """Reports its machine from its birth to its death, also while a job runs in a process of its own."""

    _reporter: threading.Thread | None = None

    def register_birth(self) -> None:
        """Begin to work, and to report."""
        super().register_birth()  # type: ignore[no-untyped-call]
        self._ended = threading.Event()
        self._reporter = threading.Thread(target=self._report, name="machine-report", daemon=True)
        self._reporter.start()

    def register_death(self) -> None:
        """End both."""
        if self._reporter is not None:
            self._ended.set()
            self._reporter.join()
        super().register_death()  # type: ignore[no-untyped-call]

    def _report(self) -> None:
        # Connections of its own: a connection of the worker's pool that is older than the worker has the library's
        # short time limit, and would end the worker if it came to wait for jobs.
        pool = self.connection.connection_pool
        own = Redis(connection_pool=ConnectionPool(pool.connection_class, **pool.connection_kwargs))
        while True:
            try:
                report_worker(own, self.name, machine())
            except RedisError as error:
                log.debug("The queue is away; this machine is not reported: %s", error)
            if self._ended.wait(WORKER_TTL_SECONDS / 3):
                own.connection_pool.disconnect()
                return
