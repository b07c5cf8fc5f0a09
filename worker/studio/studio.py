"""The studio for a worker or a command: one object for settings, database, store and queue."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.db import make_sessions
from app.runtime.queue import JobQueue
from models.store.opening import open_store
from models.store.store import CheckpointStore


@dataclass(frozen=True)
class Studio:
    """Settings and the database, store and queue that they name. Connections open on first use."""

    settings: Settings
    sessions: sessionmaker[Session]
    store: CheckpointStore
    queue: JobQueue

    @classmethod
    def of(cls, settings: Settings) -> Studio:
        """Return the studio of these settings."""
        sessions = make_sessions(settings.database_url)
        return cls(settings, sessions, open_store(settings), JobQueue(settings.redis_url, settings.queue_prefix))
