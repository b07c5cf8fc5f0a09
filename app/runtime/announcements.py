"""Notifications: to the web processes that the alias moved, to a worker that a run waits.

The database is authoritative. If the queue is away nothing is lost: web processes poll, and rescue waiting runs.
"""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.domain_errors import Conflict
from app.runtime.queue import JobQueue, QueueTaken
from app.services.system import marks
from app.services.training import runs


def claim_queue(queue: JobQueue, session: Session) -> None:
    """Claim the queue for the studio; raises Conflict if another one uses it, RedisError if it is away."""
    try:
        queue.claim(marks.studio(session))
    except QueueTaken as taken:
        raise Conflict(str(taken)) from None


def claim_queue_at_start(queue: JobQueue, session: Session, on_wait: Callable[[], None]) -> None:
    """Claim the queue as `claim_queue` does, but first wait for the claim of a studio that has ended to run out."""
    mark = marks.studio(session)
    session.rollback()  # no connection is kept while this waits
    try:
        queue.claim_at_start(mark, on_wait)
    except QueueTaken as taken:
        raise Conflict(str(taken)) from None


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
