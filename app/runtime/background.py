"""Background threads of a web process: hot swap, alias notifications, runs, webhooks, learning."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.runtime.queue import JobQueue
from app.runtime.rescue import Rescue
from app.runtime.self_retraining import SelfRetraining
from app.runtime.webhook_sender import WebhookSender
from app.services.system.webhook_networks import Network
from app.services.training.published import Leftovers
from app.services.training.reward.heads import Heads
from models.model_errors import ModelError
from models.serving.hot_swap import Serving, ServingState
from models.store.store import CheckpointStore

log = logging.getLogger(__name__)

RESCUE_SECONDS = 3.0
LEARN_SECONDS = 0.5
"""The shortest time from one head to the next."""


class Background:
    """The threads of one process, started once, after any fork, and stopped together.

    If `networks` names any, messages to webhooks go only there.
    """

    def __init__(
        self,
        serving: Serving,
        queue: JobQueue,
        sessions: sessionmaker[Session],
        heads: Heads,
        store: CheckpointStore,
        networks: Sequence[Network] = (),
    ) -> None:
        self._serving = serving
        self._store = store
        self._heads = heads
        self._news = threading.Event()
        self._news.set()  # judgments may have been made while no process ran
        self._queue = queue
        self._sessions = sessions
        self._sender = WebhookSender(sessions, networks)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def ensure_started(self) -> None:
        """Load the live version and start the threads; repeated calls do nothing."""
        if self._threads:
            return
        with self._lock:
            if self._threads or self._stop.is_set():
                return
            self._serving.ensure_started()
            threads = [
                threading.Thread(
                    target=self._queue.listen, args=(self._serving.wake, self._stop), name="alias-news", daemon=True
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
        self._serving.stop()
        for thread in self._threads:
            thread.join()

    def judged(self) -> None:
        """Make the learning thread read the judgments that were just made or undone."""
        self._news.set()

    def report(self, process: str, state: ServingState) -> None:
        """Report to the queue what this process serves; ignored if the queue is away."""
        try:
            self._queue.report(process, state)
        except RedisError:
            log.debug("The queue is away; what this process serves is not reported.")

    def _learn(self) -> None:
        """Keep the head of the live version up to date, so that requests for screens need not fit it first."""
        while not self._stop.wait(LEARN_SECONDS):
            self._news.wait()
            self._news.clear()
            generator = self._serving.current()
            if self._stop.is_set():
                return
            if generator is None:
                self._news.set()
                continue
            try:
                with self._sessions() as session:
                    if self._heads.follow(session, generator.version, generator.features):
                        self._news.set()
            except (SQLAlchemyError, ModelError) as error:
                log.warning("Learning from the clicks failed and will be tried again at the next: %s", error)

    def _rescue(self) -> None:
        rescue = Rescue(
            self._queue.has_job, self._queue.enqueue_training, lambda key: self._store.find_run(key) is not None
        )
        looks = (rescue.look, Leftovers(self._store).look, SelfRetraining(self._queue).look)
        while not self._stop.wait(RESCUE_SECONDS):
            for look in looks:
                try:
                    with self._sessions() as session:
                        look(session)
                except (RedisError, SQLAlchemyError, OSError) as error:
                    log.warning("Looking after the runs failed and will be tried again: %s", error)
