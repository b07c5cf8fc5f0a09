"""The studio for a worker or a command: one object for settings, database, store and queue."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.db import FIRST, Judgment, Version, everything, make_sessions, sessions_of
from app.runtime.queue import JobQueue
from models.store.opening import open_store
from models.store.store import CheckpointStore


@dataclass(frozen=True)
class Studio:
    """Settings and the database, store and queue that they name. Connections open on first use.

    Sessions see the rows of the first project, unless it is a studio `in_project`.
    """

    settings: Settings
    sessions: sessionmaker[Session]
    store: CheckpointStore
    queue: JobQueue

    @classmethod
    def of(cls, settings: Settings) -> Studio:
        """Return the studio of these settings."""
        sessions = make_sessions(settings.database_url)
        return cls(settings, sessions, open_store(settings), JobQueue(settings.redis_url, settings.queue_prefix))

    def in_project(self, project: int) -> Studio:
        """Return the same studio, of whose database one project's rows are seen."""
        return replace(self, sessions=sessions_of(self.sessions, project))

    def with_version(self, number: int) -> Studio:
        """Return the same studio in the project of a version; as it is if there is no such version."""
        with self.sessions() as session, everything(session):
            project = session.scalar(select(Version.project_id).where(Version.number == number))
        return self if project is None else self.in_project(project)

    def of_latest_click(self) -> Studio:
        """Return the same studio in the project in which somebody judged last."""
        with self.sessions() as session, everything(session):
            latest = select(Judgment.project_id).order_by(Judgment.id.desc()).limit(1)
            return self.in_project(session.scalar(latest) or FIRST)
