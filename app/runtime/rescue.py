"""Looking after runs: one that no worker works on is tried once more, or failed with the reason.

How long a worker has been silent is read off no clock that people set: the process that judges counts how long it has
itself seen the same heartbeat, look after look. Where the computer slept or the process was stopped between two looks,
it cannot know who was silent and who merely did not run, so it begins to count anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable

from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, everything
from app.services.training import runs
from app.services.training.course import untaken

log = logging.getLogger(__name__)

# A worker sends a heartbeat every second; after this long without one it is taken for dead.
SILENCE_SECONDS = 60.0
# The queue may have lost a job whose worker is still working.
WITHOUT_JOB_SECONDS = 10.0
# A run is enqueued right after its row is committed.
FRESH_SECONDS = 5.0
# A worker takes seconds from its start to its first words to the queue.
UNTAKEN_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 10.0
"""Between two looks of a process that was awake; less than any silence, so that no sleep is taken for one."""


def elapsed() -> float:
    """Return seconds on a clock that nobody sets, and that goes on while the computer sleeps."""
    # On macOS CLOCK_MONOTONIC goes on during sleep; on Linux, where it does not, CLOCK_BOOTTIME does.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Watch:
    """Measures how long facts have held under the eyes of this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self._since: dict[Hashable, float] = {}
        self._before: dict[Hashable, float] = {}

    def look(self) -> None:
        """Begin a look; what did not hold at the last one is forgotten, and after a long pause so is everything."""
        before, self._at = self._at, self._clock()
        awake = 0 <= self._at - before <= LONGEST_PAUSE_SECONDS
        self._before, self._since = self._since if awake else {}, {}

    def held(self, fact: Hashable) -> float:
        """Return for how many seconds a fact that holds now has held at every look."""
        return self._at - self._since.setdefault(fact, self._before.get(fact, self._at))


class Rescue:
    """Looks after the runs of one studio, for one process.

    `has_job`, `enqueue` and `untaken` ask the queue and may raise RedisError; `is_published` tells of a run's key
    whether its version lies in the store, `untaken` of a job in which queue it waits, if no worker takes from that.
    """

    def __init__(
        self,
        has_job: Callable[[str], bool],
        enqueue: runs.Enqueue,
        is_published: Callable[[str], bool],
        untaken: Callable[[str], str | None],
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self._has_job = has_job
        self._enqueue = enqueue
        self._is_published = is_published
        self._untaken = untaken
        self._watch = Watch(clock)

    def look(self, session: Session) -> None:
        """Fail or requeue the runs that no worker works on any more, and enqueue the first of the studio's queue."""
        with everything(session):
            self._look(session)

    def _look(self, session: Session) -> None:
        self._watch.look()
        for run in runs.queue(session):
            heard = run.heartbeat_at
            if run.status == RunStatus.RUNNING and self._is_lost(run):
                log.warning("The worker of run %d is silent at attempt %d.", run.id, run.attempts)
                runs.give_up_or_retry(session, run, heard, is_published=self._is_published(run.key))
        first = next(iter(runs.queue(session)), None)
        if first is None or first.status != RunStatus.QUEUED:
            return
        if self._needs_job(first):
            runs.hand_out(session, first.id, self._enqueue)
        if first.job_id is not None:
            self._tell_whether_taken(session, first, first.job_id)

    def _tell_whether_taken(self, session: Session, run: TrainingRun, job_id: str) -> None:
        """Tell that no worker takes a run once that has held for a while, and at once that one does."""
        queue = self._untaken(job_id)
        if queue is None or self._watch.held((job_id, "no worker takes from", queue)) >= UNTAKEN_SECONDS:
            untaken.tell(session, run, queue)

    def _is_lost(self, run: TrainingRun) -> bool:
        """Return whether no worker works on a running run any more."""
        silence = self._watch.held((run.id, run.attempts, run.heartbeat_at))
        if run.heartbeat_at is None:
            return True
        has_job = run.job_id is not None and self._has_job(run.job_id)
        return silence >= (SILENCE_SECONDS if has_job else WITHOUT_JOB_SECONDS)

    def _needs_job(self, run: TrainingRun) -> bool:
        """Return whether a run that waits has no job, and nobody is about to give it one."""
        waited = self._watch.held((run.id, run.attempts, "waits"))
        if run.job_id is None:
            return run.attempts > 0 or waited >= FRESH_SECONDS
        # A worker may have taken the job this very moment, and is about to say so.
        return not self._has_job(run.job_id) and self._watch.held((run.job_id, "is gone")) >= WITHOUT_JOB_SECONDS
