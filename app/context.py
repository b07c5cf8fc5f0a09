"""The parts of the running application that routes use."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import cast

from flask import current_app, has_app_context, has_request_context
from flask_login import current_user
from redis.exceptions import RedisError
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.db import ANSWERING, FIRST, project_of, sessions_of, task_of
from app.domain_errors import NotReady
from app.extensions import db
from app.launch.parts import Part, read_parts
from app.runtime.background import Background
from app.runtime.draws import Draws
from app.runtime.projects.in_memory import ProjectInMemory, ProjectsInMemory
from app.runtime.queue import JobQueue
from app.runtime.throttle import SignInThrottle
from app.runtime.trial import Trial
from app.services.desk.drawing import Beside
from app.services.training.reward.heads import Chooser, Heads
from app.services.versions import live_comparison
from app.words import gettext
from models.chat.answers import AnyGenerator, ChatGenerator
from models.model_errors import ModelError
from models.serving.generator import Sampling
from models.serving.hot_swap import Companion, Serving
from models.store.store import CheckpointStore

LONGEST_IN_CHAT = 20_000
"""Bounds a message in characters; a model holds less, and says so."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mellow:
    """The parts of one web process that belong to no extension of Flask."""

    settings: Settings
    studio_sessions: sessionmaker[Session]
    queue: JobQueue
    throttle: SignInThrottle
    store: CheckpointStore
    projects: ProjectsInMemory
    background: Background
    trial: Trial[AnyGenerator]
    draws: Draws
    chat_draws: Draws
    streams: BoundedSemaphore
    """Counts how many more live charts may hold a thread."""

    @property
    def sessions(self) -> sessionmaker[Session]:
        """Return a factory of sessions of the request's project, for threads and streams that outlive the request."""
        project = _project()
        return self.studio_sessions if project == FIRST else sessions_of(self.studio_sessions, project)

    @property
    def here(self) -> ProjectInMemory:
        """Return what this process holds of the request's project."""
        return self.projects.of(_project())

    @property
    def serving(self) -> Serving[AnyGenerator]:
        """Return what holds the live version of the request's project."""
        return self.here.serving

    @property
    def heads(self) -> Heads:
        """Return the reward heads of the request's project."""
        return self.here.heads

    @property
    def companion(self) -> Companion[AnyGenerator]:
        """Return what holds the other version of the live comparison of the request's project."""
        return self.here.companion

    def generator(self) -> AnyGenerator:
        """Return what writes for the project's version in memory; raises NotReady while none is loaded."""
        self.background.ensure_started()
        serving = self.serving
        generator = serving.current()
        if generator is None:
            reason = serving.state.error or gettext("No version is published yet.")
            raise NotReady(gettext("The model is not ready: %(reason)s", reason=reason))
        return generator

    def parts(self) -> dict[str, Part]:
        """Return the parts that launchers keep running, here by their names, elsewhere with that of the machine."""
        here = read_parts(self.settings.home)
        try:
            reported = self.queue.parts()
        except RedisError:
            return here
        elsewhere = {name: parts for name, parts in reported.items() if name != socket.gethostname()}
        return here | {
            f"{name} ({machine})": Part(**part) for machine, parts in elsewhere.items() for name, part in parts.items()
        }

    def chooser(self, session: Session, generator: AnyGenerator) -> Chooser | None:
        """Return the head that chooses among that Generator's samples, None as long as nobody has clicked.

        Answers of a chat model are not chosen, but shown as they are drawn.

        A head that cannot be read is logged, and the choice is then made by quality alone.
        """
        if isinstance(generator, ChatGenerator):
            return None
        try:
            return self.heads.chooser(session, generator.version, generator.features)
        except ModelError as error:
            log.warning("What is shown is chosen without what the clicks say: %s", error)
            return None

    def beside(self, session: Session, generator: AnyGenerator) -> Beside | None:
        """Return the other version of the live comparison, None if none runs or this process does not hold both.

        Versions of a chat model are not compared so.
        """
        comparison, other = live_comparison.running(session), self.companion.current()
        if comparison is None or other is None or isinstance(other, ChatGenerator):
            return None
        held = (generator.version, other.version)
        return Beside(comparison.id, other) if held == (comparison.serving_number, comparison.other_number) else None

    @property
    def draws_here(self) -> Draws:
        """Return the draws of all projects of the request's kind: those of answers take longer."""
        return self.chat_draws if current_user.seat.answers else self.draws

    @property
    def longest_text(self) -> int:
        """Return the most characters of a text that is written at the desk of the request's project."""
        answers = current_user.seat.answers if has_request_context() else task_of(db.session()) == ANSWERING
        return LONGEST_IN_CHAT if answers else self.settings.max_text_length

    @property
    def sampling(self) -> Sampling:
        """Return the sampling parameters of candidates."""
        return Sampling(self.settings.temperature, self.settings.top_p, self.settings.top_k)


def _project() -> int:
    """Return the project of the present request, the first one where there is none."""
    return (has_app_context() and project_of(db.session())) or FIRST


def mellow() -> Mellow:
    """Return the parts of the application that handles the present request."""
    return cast(Mellow, current_app.extensions["mellow"])
