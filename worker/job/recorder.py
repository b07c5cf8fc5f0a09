"""The `Progress` of a run in the studio: it writes to the database, and reads there that the run was cancelled.

It implements `worker.training.shared.progress.Progress` for one attempt at one run. A thread of its own writes a
heartbeat every second, also while a library is busy and reports nothing.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db import RunMetric, now, write_transaction
from app.db.training.training_run import TrainingRun
from app.services.training import runs

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
_STEP_SECONDS = 0.25
_LOG_LINES = 200


class RunRecorder:
    """The progress listener of one attempt; `cancelled` is also true once the attempt no longer owns the run."""

    def __init__(self, sessions: sessionmaker[Session], run_id: int, attempt: int) -> None:
        self._sessions = sessions
        self._run_id = run_id
        self._attempt = attempt
        self._stopped = threading.Event()
        self._done = threading.Event()
        self._wrote_step_at = 0.0
        self._thread = threading.Thread(target=self._send_heartbeats, name="run-heartbeat", daemon=True)

    def __enter__(self) -> RunRecorder:
        """Begin the heartbeat."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the heartbeat."""
        self._done.set()
        self._thread.join()

    def stage(self, name: str) -> None:
        """Record the stage that begins, and log it."""
        with self._own_run() as run:
            if run is not None:
                run.stage = name
                _append(run, f"{name.capitalize()}.")

    def step(self, done: int, total: int) -> None:
        """Record that `done` of `total` optimizer steps are complete; skip some writes if steps are quick."""
        if done < total and time.monotonic() - self._wrote_step_at < _STEP_SECONDS:
            return
        self._wrote_step_at = time.monotonic()
        with self._own_run() as run:
            if run is not None:
                run.step, run.total_steps = done, total

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Store the metrics of an optimizer step."""
        with self._sessions() as session, write_transaction(session):
            if runs.owned(session, self._run_id, self._attempt) is not None:
                session.add_all(
                    RunMetric(run_id=self._run_id, step=step, name=name, value=value)
                    for name, value in values.items()
                    if math.isfinite(value)
                )

    def log(self, line: str) -> None:
        """Add a line to the run's log."""
        with self._own_run() as run:
            if run is not None:
                _append(run, line)

    def cancelled(self) -> bool:
        """Return True if the run should stop."""
        return self._stopped.is_set()

    @contextmanager
    def _own_run(self) -> Iterator[TrainingRun | None]:
        """Yield the run in a write transaction with a new heartbeat, or None if another attempt owns it."""
        with self._sessions() as session, write_transaction(session):
            run = runs.owned(session, self._run_id, self._attempt)
            if run is None or run.cancel_requested_at is not None:
                self._stopped.set()
            if run is not None:
                run.heartbeat_at = now()
            yield run

    def _send_heartbeats(self) -> None:
        while not self._done.wait(HEARTBEAT_SECONDS):
            try:
                with self._own_run():
                    pass
            except SQLAlchemyError as error:
                log.warning("The heartbeat could not be written and will be tried again: %s", error)


def _append(run: TrainingRun, line: str) -> None:
    timestamp: datetime = now()
    lines = [*run.log.splitlines(), f"{timestamp:%H:%M:%S}  {line}"]
    run.log = "\n".join(lines[-_LOG_LINES:])
