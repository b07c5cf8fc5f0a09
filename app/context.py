"""What the routes find on the running application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.errors import NotReady
from app.runtime.background import Background
from app.runtime.queue import JobQueue
from app.runtime.throttle import SignInThrottle
from app.runtime.trial import Trial
from models.serving.generator import Generator, Sampling
from models.serving.hot_swap import Serving
from models.store.store import CheckpointStore


@dataclass(frozen=True)
class Mellow:
    """The parts of one web process that belong to no extension of Flask."""

    settings: Settings
    sessions: sessionmaker[Session]
    queue: JobQueue
    throttle: SignInThrottle
    store: CheckpointStore
    serving: Serving
    background: Background
    trial: Trial

    def generator(self) -> Generator:
        """The Generator that serves now; raises NotReady while none is loaded."""
        self.background.ensure_started()
        generator = self.serving.current()
        if generator is None:
            reason = self.serving.state.error or "No version is published yet."
            raise NotReady(f"The model is not ready: {reason}")
        return generator

    @property
    def sampling(self) -> Sampling:
        """How candidates are drawn."""
        return Sampling(self.settings.temperature, self.settings.top_p, self.settings.top_k)


def mellow() -> Mellow:
    """The parts of the application that answers the present request."""
    return cast(Mellow, current_app.extensions["mellow"])
