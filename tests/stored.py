"""Rows that tests write past the worker, because the work itself takes minutes: a run that ended, and measures."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from app.db.training.training_run import new_run_key
from tests.reports import report

STEPS = 40


def ended_run(home: Path) -> int:
    """Store a run that has ended well and return its id."""
    moment = "2026-01-02 03:04:05.000000"
    with closing(sqlite3.connect(home / "mellow.db", timeout=30)) as database:
        cursor = database.execute(
            "INSERT INTO training_runs (key, method, config, selection, status, stage, step, total_steps, pairs, "
            "last_judgment_id, attempts, deaths, furthest, parent_version, produced_version, note, log, created_at, "
            "started_at, finished_at) VALUES "
            "(?, 'dpo', '{}', '{}', 'succeeded', 'succeeded', ?, ?, 12, 0, 1, 0, 0, 1, 1, NULL, ?, ?, ?, ?)",
            (new_run_key(), STEPS, STEPS, "03:04:05  Training.\n" * 30 + "x" * 300, moment, moment, moment),
        )
        run_id = cursor.lastrowid
        assert run_id is not None
        database.executemany(
            "INSERT INTO run_metrics (run_id, step, name, value) VALUES (?, ?, ?, ?)",
            [
                (run_id, step, name, value)
                for step in range(1, STEPS + 1)
                for name, value in (("loss", 0.7 / step), ("rewards/margins", 0.1 * step - 0.3))
            ],
        )
        database.commit()
    return run_id


def measure_version(home: Path) -> int:
    """Store an evaluation of version 1 and return its number."""
    with closing(sqlite3.connect(home / "mellow.db", timeout=30)) as database:
        database.execute("UPDATE versions SET metrics = ? WHERE number = 1", (json.dumps({"evaluation": report()}),))
        database.commit()
    return 1
