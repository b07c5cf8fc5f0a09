"""The `Progress` of a run in the studio: it writes to the database, and reads there that the run was cancelled.

It implements `worker.training.shared.progress.Progress` for one attempt at one run. A thread of its own writes a
heartbeat every second, also while a library is busy and reports nothing.

While the database is away the training goes on: what there is to tell is kept, and the heartbeat tells it in one
transaction as soon as the database responds again.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db import RunMetric, now, write_transaction
from app.db.training.training_run import TrainingRun
from app.services.training import runs
from worker.studio.patience import DATABASE_AWAY

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
_STEP_SECONDS = 0.25
_LOG_LINES = 200
METRICS_KEPT = 50_000
"""The most values that are kept while the database is away; of more, the latest."""


class _Untold:
    """What a run has to tell and the database does not know yet; it takes a few megabytes at most."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, datetime]] = []
        self.checkpoints: list[int] = []
        self.step: tuple[int, int] | None = None
        self.lines: deque[str] = deque(maxlen=_LOG_LINES)
        self.metrics: deque[tuple[int, str, float]] = deque(maxlen=METRICS_KEPT)

    def add(self, later: _Untold) -> None:
        """Add what came later."""
        self.starts += later.starts
        self.checkpoints += later.checkpoints
        self.step = later.step or self.step
        self.lines += later.lines
        self.metrics += later.metrics

    def write(self, session: Session, run: TrainingRun) -> None:
        """Add all of it to the run, in the running transaction."""
        if self.starts:
            run.stage = self.starts[-1][0]
            run.stage_starts = [*(run.stage_starts or ()), *([name, at.isoformat()] for name, at in self.starts)]
        if self.checkpoints:
            run.checkpoints = sorted({*(run.checkpoints or ()), *self.checkpoints})
        if self.step is not None:
            run.step, run.total_steps = self.step
        if self.lines:
            run.log = "\n".join([*run.log.splitlines(), *self.lines][-_LOG_LINES:])
        session.add_all(
            RunMetric(run_id=run.id, step=step, name=name, value=value) for step, name, value in self.metrics
        )


class RunRecorder:
    """The progress listener of one attempt; `cancelled` is also true once the attempt no longer owns the run."""

    def __init__(self, sessions: sessionmaker[Session], run_id: int, attempt: int) -> None:
        self._sessions = sessions
        self._run_id = run_id
        self._attempt = attempt
        self._stopped = threading.Event()
        self._done = threading.Event()
        self._away = threading.Event()
        self._telling = threading.Lock()
        self._noting = threading.Lock()
        self._untold = _Untold()
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
        with self._noting:
            self._untold.starts.append((name, now()))
            self._untold.lines.append(_line(f"{name.capitalize()}."))
        self._tell_unless_away()

    def step(self, done: int, total: int) -> None:
        """Record that `done` of `total` optimizer steps are complete; skip some writes if steps are quick."""
        with self._noting:
            self._untold.step = done, total
        if done < total and time.monotonic() - self._wrote_step_at < _STEP_SECONDS:
            return
        self._wrote_step_at = time.monotonic()
        self._tell_unless_away()

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Store the metrics of an optimizer step."""
        with self._noting:
            self._untold.metrics += [(step, name, value) for name, value in values.items() if math.isfinite(value)]
        self._tell_unless_away()

    def checkpoint(self, step: int) -> None:
        """Record that a checkpoint was saved after that step."""
        with self._noting:
            self._untold.checkpoints.append(step)
        self._tell_unless_away()

    def log(self, line: str) -> None:
        """Add a line to the run's log."""
        with self._noting:
            self._untold.lines.append(_line(line))
        self._tell_unless_away()

    def cancelled(self) -> bool:
        """Return True if the run should stop."""
        return self._stopped.is_set()

    def tell(self) -> None:
        """Write what is untold and a new heartbeat, and ask whether the run should stop; raises SQLAlchemyError.

        What could not be written is kept. If another attempt owns the run, nothing is written.
        """
        with self._telling:
            with self._noting:
                telling, self._untold = self._untold, _Untold()
            try:
                with self._sessions() as session, write_transaction(session):
                    run = runs.owned(session, self._run_id, self._attempt)
                    if run is None or run.cancel_requested_at is not None:
                        self._stopped.set()
                    if run is not None:
                        run.heartbeat_at = now()
                        telling.write(session, run)
                self._away.clear()
            except SQLAlchemyError:
                self._away.set()
                with self._noting:
                    telling.add(self._untold)
                    self._untold = telling
                raise

    def _tell_unless_away(self) -> None:
        """Write what is untold; once the database is away, leave it to the heartbeat, so that training goes on."""
        if self._away.is_set():
            return
        try:
            self.tell()
        except DATABASE_AWAY as error:
            log.warning("Progress could not be written and will be told later: %s", error)

    def _send_heartbeats(self) -> None:
        while not self._done.wait(HEARTBEAT_SECONDS):
            try:
                self.tell()
            except SQLAlchemyError as error:
                log.warning("The heartbeat could not be written and will be tried again: %s", error)


def _line(text: str) -> str:
    return f"{now():%H:%M:%S}  {text}"
