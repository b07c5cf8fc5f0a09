"""Notifications: to the web processes that the alias moved, to a worker that a run waits.

The database is authoritative. If the queue is away nothing is lost: web processes poll, and rescue waiting runs.
"""

from __future__ import annotations

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.runtime.queue import JobQueue
from app.services.training import runs


def alias_moved(queue: JobQueue, number: int) -> bool:
    """Tell every web process to read the alias now; returns False if the queue is away."""
    try:
        queue.tell_alias_moved(number)
    except (RedisError, OSError):
        return False
    return True


def run_waits(queue: JobQueue, session: Session) -> bool:
    """Enqueue the first waiting run, unless it was enqueued already; returns False if the queue is away."""
    try:
        runs.hand_out_next(session, queue.enqueue_training)
    except (RedisError, OSError):
        return False
    return True
