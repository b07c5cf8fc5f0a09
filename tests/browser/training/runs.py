"""Runs for the tests of the training pages, written past the worker, whose work other tests look at."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

from app.db import now
from app.db.training.training_run import new_run_key
from tests.processes import Product

STEPS = 20
ENDED = "2026-01-02 03:04:05.000000"
_COLUMNS = (
    "key, method, config, selection, status, stage, step, total_steps, pairs, last_judgment_id, attempts, deaths, "
    "furthest, parent_version, log, created_at, started_at, finished_at"
)


def add_run(product: Product, config: dict[str, Any]) -> int:
    """Return the id of a new run that has ended well, with its curves."""
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        cursor = database.execute(
            f"INSERT INTO training_runs ({_COLUMNS}) "
            "VALUES (?, 'dpo', ?, '{}', 'succeeded', 'succeeded', ?, ?, 12, 0, 1, 0, 0, 1, '', ?, ?, ?)",
            (new_run_key(), json.dumps(config), STEPS, STEPS, ENDED, ENDED, ENDED),
        )
        assert cursor.lastrowid is not None
        database.executemany(
            "INSERT INTO run_metrics (run_id, step, name, value) VALUES (?, ?, ?, ?)",
            [
                (cursor.lastrowid, step, name, value)
                for step in range(1, STEPS + 1)
                for name, value in (("loss", 0.7 / step), ("logps/chosen", -20 + step), ("logps/rejected", -20 - step))
            ],
        )
        database.commit()
        return cursor.lastrowid


def change_run(product: Product, run_id: int, **values: Any) -> None:
    """Write values of columns into a run."""
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        names = ", ".join(f"{name} = ?" for name in values)
        database.execute(f"UPDATE training_runs SET {names} WHERE id = ?", (*values.values(), run_id))
        database.commit()


def set_to_work(product: Product, run_id: int, step: int, *stages: str) -> None:
    """Let a run seem to be at work on the last of its stages, each of which began ten seconds after the one before.

    It is one by ORPO, of which no run has ended well, so that nothing is known of how long it takes.
    """
    began = now() - timedelta(seconds=10 * (len(stages) + 1))
    starts = [[name, (began + timedelta(seconds=10 * place)).isoformat()] for place, name in enumerate(stages, 1)]
    change_run(
        product,
        run_id,
        method="orpo",
        status="running",
        heartbeat_at=f"{now():%F %T.%f}",
        wish=f"run {run_id}",
        stage=stages[-1],
        step=step,
        stage_starts=json.dumps(starts),
        started_at=f"{began:%F %T.%f}",
        finished_at=None,
    )


@contextmanager
def heart(product: Product, run_id: int) -> Iterator[None]:
    """Send heartbeats for a run, so that nobody takes it for dead."""
    done = Event()

    def beat() -> None:
        while not done.wait(1):
            change_run(product, run_id, heartbeat_at=f"{now():%F %T.%f}")

    thread = Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
