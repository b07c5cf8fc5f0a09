"""Background threads of a web process: hot swap, alias notifications, runs, webhooks, learning, verdicts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db import within
from app.launch.parts import Part
from app.runtime import announcements, memory
from app.runtime.projects.in_memory import ProjectInMemory, ProjectsInMemory
from app.runtime.queue import JobQueue
from app.runtime.rescue import Rescue
from app.runtime.self_retraining import SelfRetraining
from app.runtime.webhook_sender import WebhookSender
from app.services.people import reliability
from app.services.review import looking
from app.services.system import marks
from app.services.system.webhook_networks import Network
from app.services.training.published import Leftovers
from app.services.versions import live_comparison, live_comparison_verdict
from models.chat.answers import ChatGenerator
from models.model_errors import ModelError
from models.serving.hot_swap import ServingState
from models.store.store import CheckpointStore

log = logging.getLogger(__name__)

RESCUE_SECONDS = 3.0
LEARN_SECONDS = 0.5
"""The shortest time from one head to the next."""
LOOK_SECONDS = 30.0
"""The time between two looks for what was judged or deleted in other processes."""


class Background:
    """The threads of one process, started once, after any fork, and stopped together.

    If `networks` names any, messages to webhooks go only there.
    """

    def __init__(
        self,
        projects: ProjectsInMemory,
        queue: JobQueue,
        sessions: sessionmaker[Session],
        store: CheckpointStore,
        remove_old_uploads: Callable[[Session], None],
        networks: Sequence[Network] = (),
    ) -> None:
        self._projects = projects
        self._store = store
        self._remove_old_uploads = remove_old_uploads
        self._news = threading.Event()
        self._news.set()  # judgments may have been made while no process ran
        self._queue = queue
        self._sessions = sessions
        self._sender = WebhookSender(sessions, networks)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def ensure_started(self) -> None:
        """Load the first project's live version and start the threads; repeated calls do nothing."""
        if self._threads:
            return
        with self._lock:
            if self._threads or self._stop.is_set():
                return
            self._projects.start()
            threads = [
                threading.Thread(
                    target=self._queue.listen, args=(self._look_at_alias, self._stop), name="alias-news", daemon=True
                ),
                threading.Thread(target=self._rescue, name="run-rescue", daemon=True),
                threading.Thread(target=self._learn, name="learning", daemon=True),
                threading.Thread(target=self._sender.run, args=(self._stop,), name="webhooks", daemon=True),
            ]
            for thread in threads:
                thread.start()
            self._threads = threads

    def stop(self) -> None:
        """Stop every thread and wait for it."""
        self._stop.set()
        self._news.set()
        self._projects.stop()
        for thread in self._threads:
            thread.join()

    def judged(self) -> None:
        """Make the learning thread look at what was just judged or undone, which may decide a comparison.

        So is what was judged in a project while no process held its model, once one is asked for it.
        """
        self._news.set()

    def report(self, machine: str, process: str, state: ServingState, parts: Mapping[str, Part]) -> None:
        """Report to the queue what this process serves and what its machine's launcher runs; ignored if it is away."""
        try:
            self._queue.report(process, state)
            if parts:
                self._queue.report_parts(machine, {name: asdict(part) for name, part in parts.items()})
        except RedisError:
            log.debug("The queue is away; what this process serves is not reported.")

    def _look_at_alias(self) -> None:
        """Make all threads that hold a version look now for the one to hold."""
        for one in self._projects.held():
            one.wake()

    def _learn(self) -> None:
        """Keep the heads of the versions in memory up to date, so that requests for screens need not fit them first.

        After every click it is looked at, too, what it says of the versions that are compared.
        """
        while not self._stop.wait(LEARN_SECONDS):
            self._news.wait(LOOK_SECONDS)
            self._news.clear()
            held = self._projects.held()
            if self._stop.is_set():
                return
            if any(one.serving.current() is None for one in held):
                self._news.set()
            if not any(one.serving.current() for one in held):
                continue
            try:
                self._decide()
                for one in held:
                    self._follow(one)
            except (SQLAlchemyError, ModelError) as error:
                log.warning("Learning from the clicks failed and will be tried again at the next: %s", error)
            except Exception:  # this thread must outlive whatever happens, or no click would count any more
                log.exception("Learning from the clicks failed and will be tried again at the next.")

    def _follow(self, project: ProjectInMemory) -> None:
        """Bring the head of a project's live version up to date, if that is loaded; a chat model has none.

        How reliable people are is kept up to date last: it takes longest, and those who wait are served what was known
        before.
        """
        generator = project.serving.current()
        if generator is None:
            return
        with project.sessions() as session:
            if not isinstance(generator, ChatGenerator) and project.heads.follow(
                session, generator.version, generator.features
            ):
                self._news.set()
            reliability.reliabilities(session)

    def _decide(self) -> None:
        """End the live comparisons whose clicks suffice, and tell every web process which version serves."""
        try:
            with self._sessions() as session:
                for project in live_comparison.projects_that_compare(session):
                    with within(session, project):
                        self._decide_in(session)
        except SQLAlchemyError as error:
            log.warning("The live comparison could not be looked at, and will be at the next click: %s", error)

    def _decide_in(self, session: Session) -> None:
        decided = live_comparison_verdict.look(session)
        if decided is None:
            return
        log.info("Live comparison %d: %s", decided.id, decided.reason)
        serving = live_comparison_verdict.winner(decided)
        self._look_at_alias()
        if not announcements.alias_moved(self._queue, serving):
            log.warning("The queue is away: the other web processes will see the decision by polling.")

    def _rescue(self) -> None:
        rescue = Rescue(
            self._queue.has_job,
            self._queue.enqueue_training,
            lambda key: self._store.find_run(key) is not None,
            self._queue.untaken,
        )
        leftovers = Leftovers(self._store)
        looks = (
            lambda session: self._queue.claim(marks.studio(session)),
            rescue.look,
            leftovers.look,
            lambda _session: self._store.tidy(),
            self._remove_old_uploads,
            SelfRetraining(self._queue).look,
            looking.look_everywhere,
        )
        while not self._stop.wait(RESCUE_SECONDS):
            for look in looks:
                try:
                    with self._sessions() as session:
                        look(session)
                except (RedisError, SQLAlchemyError, OSError, ModelError) as error:
                    log.warning("Looking after the runs failed and will be tried again: %s", error)
                except Exception:  # this thread must outlive whatever happens, or no run would be looked after
                    log.exception("Looking after the runs failed and will be tried again.")
            memory.return_freed()
