"""Retraining by itself: each web process asks the rule again and again, and one of them requests the run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from app.db import now, project_ids, within
from app.domain_errors import DomainError
from app.runtime import announcements
from app.runtime.queue import JobQueue
from app.services.training.by_itself.beginning import begin

log = logging.getLogger(__name__)


class SelfRetraining:
    """Requests the runs of one studio that nobody asks for, for one process; each project has a rule of its own."""

    def __init__(self, queue: JobQueue, clock: Callable[[], datetime] = now) -> None:
        self._queue = queue
        self._clock = clock

    def look(self, session: Session) -> None:
        """Request the runs that are due, and enqueue the first; a refusal is logged, and the next look asks again."""
        for project in project_ids(session, in_use=True):
            with within(session, project):
                self._look(session)

    def _look(self, session: Session) -> None:
        try:
            run = begin(session, self._clock())
        except DomainError as refusal:
            log.info("No run began by itself: %s", refusal)
            return
        if run is not None:
            log.info("Run %d began by itself.", run.id)
            announcements.run_waits(self._queue, session)
