"""Time that passes for a web process which looks after runs, without anybody waiting for it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.runtime.rescue import Rescue
from app.services.training import runs

BETWEEN_LOOKS = 3.0


class Queue:
    """A queue on paper: what was handed out, and which jobs it still has."""

    def __init__(self, *jobs: str) -> None:
        self.jobs = set(jobs)
        self.handed_out: list[tuple[int, int]] = []

    def has_job(self, job_id: str) -> bool:
        return job_id in self.jobs

    def enqueue(self, run_id: int, attempt: int, needs_gpu: bool) -> str:
        self.handed_out.append((run_id, attempt))
        self.jobs.add(f"train-{run_id}-{attempt}")
        return f"train-{run_id}-{attempt}"


class Looks:
    """The looks of one process; its clock is the test's."""

    def __init__(
        self,
        session: Session,
        has_job: Callable[[str], bool],
        enqueue: runs.Enqueue,
        is_published: Callable[[str], bool] = lambda _key: False,
        untaken: Callable[[str], str | None] = lambda _job_id: None,
    ) -> None:
        self._session = session
        self._at = 0.0
        self._rescue = Rescue(has_job, enqueue, is_published, untaken, clock=lambda: self._at)

    def once(self, after: float = BETWEEN_LOOKS) -> None:
        """Look once, after so many seconds of which this process saw nothing."""
        self._at += after
        self._rescue.look(self._session)

    def for_seconds(self, seconds: float) -> None:
        """Look at once, and then every few seconds until so many have passed."""
        self.once(0)
        end = self._at + seconds
        while self._at < end:
            self.once(min(BETWEEN_LOOKS, end - self._at))


def hand_out_silent(session: Session) -> list[int]:
    """Have a process look for a minute at runs whose jobs are gone; returns the runs that it handed out."""
    session.rollback()
    queue = Queue()
    Looks(session, queue.has_job, queue.enqueue).for_seconds(61)
    session.rollback()
    return [run_id for run_id, _ in queue.handed_out]
