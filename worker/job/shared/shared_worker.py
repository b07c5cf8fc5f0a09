"""The process of one studio on a shared worker: it waits for its turn, and then carries out a run as any worker does.

The pool (pool.py) starts it as `python -m worker.job.shared.shared_worker NAME PIPE QUEUE…`, with the settings of its
studio alone in its environment, and RQ forks a process for each run. So nothing of one studio is ever in a process of
another. It loads no library in advance, since there may be many like it.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings, queue_prefix_of_environment
from app.db import make_sessions
from app.runtime.queue import QUEUES, JobQueue, QueueTaken, in_queue
from app.services.system import marks
from worker.job.shared.turn import Turn
from worker.job.studio_worker import StudioWorker

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_SIGN_SECONDS = 30.0
"""Between two signs of life of a worker that waits."""
_AWAY_SECONDS = 10.0
"""Between two looks at a database that is away."""


class SharedWorker(StudioWorker):
    """Worker of one studio that takes a job only when it is its turn."""

    def __init__(self, queues: Sequence[str], settings: Settings, turn: Turn, **kwargs: Any) -> None:
        self._settings = settings
        self._turn = turn
        super().__init__(queues, **kwargs)
        prefix = queue_prefix_of_environment()
        self._plain_names = {in_queue(prefix, name): name for name in QUEUES}
        self._elsewhere = False
        self._trouble = ""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop when the present job has ended, at once if there is none; also while the queue is away."""
        try:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        except RedisError:
            self._stop_requested = True

    def machine(self) -> dict[str, Any]:
        """Return the hardware, and whether a run of this studio waits while the machine works for others."""
        return super().machine() | {"elsewhere": self._elsewhere}

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Return the next job, once one waits, the studio can be used and it is its turn; None at a stop."""
        self._next_sign = 0.0
        while not self._stop_requested:
            try:
                self._show_life()
                found = self._next_job()
                if found is not None:
                    return found
            except RedisError as error:
                self._say(f"The queue is away, and is asked again: {error}")
            self._turn.give_back()
            self._elsewhere = False
            self._ended.wait(_AWAY_SECONDS if self._trouble else _LOOK_SECONDS)
        return None

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Carry out the job, and end the turn."""
        try:
            super().execute_job(job, queue)
        finally:
            self._end_turn()

    def _wait_for_queue(self) -> None:
        """Let others work while the queue is away."""
        self._end_turn()
        super()._wait_for_queue()

    def _end_turn(self) -> None:
        """Give the turn back once the run's process has ended, which something unforeseen may have left at work."""
        if self._horse_pid:
            self.wait_for_horse()
            self._horse_pid = 0
        self._turn.give_back()

    def _next_job(self) -> tuple[Job, Queue] | None:
        """Wait for the turn and take a job; return None if none waits, or the studio cannot be used."""
        queue = self._waits_in()
        if queue is None:
            self._trouble = ""
            return None
        if not self._is_usable():
            return None
        self._turn.ask(queue)
        while (gpus := self._turn.comes(_LOOK_SECONDS)) is None:
            self._elsewhere = True
            self._show_life()
            if self._stop_requested or self._waits_in() is None:
                return None
        self._elsewhere = False
        if gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = gpus
        return self._take()

    def _take(self) -> tuple[Job, Queue] | None:
        found: tuple[Job, Queue] | None = self.queue_class.dequeue_any(
            self.queues,
            None,
            connection=self.connection,
            job_class=self.job_class,
            serializer=self.serializer,
            death_penalty_class=self.death_penalty_class,
        )
        if found is not None:
            job, queue = found
            job.redis_server_version = self.get_redis_server_version()  # type: ignore[no-untyped-call]
            self.log.info("Worker %s: %s: %s", self.name, queue.name, job.id)
        return found

    def _waits_in(self) -> str | None:
        """Return the first of the queues in which a job waits."""
        return next((self._plain_names[queue.name] for queue in self.queues if queue.count), None)

    def _show_life(self) -> None:
        if time.monotonic() >= self._next_sign:
            self._next_sign = time.monotonic() + _SIGN_SECONDS
            self.set_state(WorkerStatus.IDLE)
            self.heartbeat()
            if self.should_run_maintenance_tasks:
                self.run_maintenance_tasks()

    def _is_usable(self) -> bool:
        """Return whether the database answers, and the queue is this studio's; say it if not."""
        sessions = make_sessions(self._settings.database_url)
        claims = not self._settings.own_queue
        queue = JobQueue(self._settings.redis_url, self._settings.queue_prefix, claims=claims)
        try:
            with sessions() as session:
                queue.claim(marks.studio(session))
        except QueueTaken as taken:
            self._say(str(taken))
            return False
        except SQLAlchemyError as error:
            self._say(f"The database cannot be used, and is asked again: {str(error).splitlines()[0]}")
            return False
        finally:
            sessions.kw["bind"].dispose()  # no connection outlives a fork
        self._trouble = ""
        return True

    def _say(self, trouble: str) -> None:
        """Say once why the studio's runs wait."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("%s", trouble)


def line_format(name: str) -> str:
    """Return the format of the lines that the process of that studio logs."""
    return f"%(asctime)s {name.replace('%', '%%')}: %(message)s"


def main(name: str, pipe: str, *queues: str) -> int:
    """Work for the studio that the environment describes, until a stop is requested; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format=line_format(name))
    settings, turn = Settings.from_env(), Turn(Connection(int(pipe)))
    named = {"name": f"{name}-{secrets.token_hex(4)}", "serializer": JSONSerializer}
    try:
        with Redis.from_url(settings.redis_url) as redis:
            SharedWorker(queues, settings, turn, connection=redis, **named).work()
    except RedisError as error:
        log.warning("The queue does not answer: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
