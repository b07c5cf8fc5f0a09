"""Ring those who wait: the web processes for a moved alias, a worker for the next run.

The rows of the database are the truth. Where the queue is away nothing is lost: web processes poll, and find the runs
that wait.
"""

from __future__ import annotations

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.runtime.queue import JobQueue
from app.services.training import runs


def alias_moved(queue: JobQueue, number: int) -> bool:
    """Let every web process look at the alias now; False if the queue is away."""
    try:
        queue.tell_alias_moved(number)
    except (RedisError, OSError):
        return False
    return True


def run_waits(queue: JobQueue, session: Session) -> bool:
    """Hand the first run of the queue to a worker, unless it was handed out already; False if the queue is away."""
    try:
        runs.hand_out_next(session, queue.enqueue_training)
    except (RedisError, OSError):
        return False
    return True
