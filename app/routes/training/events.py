"""A training run as server-sent events (WHATWG HTML, section 9.2), read from the database.

Any number of browsers may follow, from any web process, at any time: each gets the same, since the process keeps no
state. `metric` events carry the row's id, so that a browser that reconnects resumes there. A stream holds a thread of
the process; past STREAMS of them the others get what there is and are asked to come again in a few seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.api.payload import run_json
from app.db import RunMetric, TrainingRun
from app.services.training import runs
from app.services.training.course.progress import UNKNOWN, expected

STREAMS = 4
"""Bounds the streams that a process keeps open at once: an eighth of its threads."""
AGAIN_MILLISECONDS = 4000
POLL_SECONDS = 0.4
_KEEP_ALIVE_SECONDS = 15.0


def stream(sessions: sessionmaker[Session], run_id: int, after: int, places: BoundedSemaphore) -> Iterator[str]:
    """Follow a run if one of the places is free, and take it for as long as that lasts; otherwise tell it once."""
    if not places.acquire(blocking=False):
        yield from follow_run(sessions, run_id, after, once=True)
        return
    try:
        yield from follow_run(sessions, run_id, after)
    finally:
        places.release()


def follow_run(sessions: sessionmaker[Session], run_id: int, after: int, *, once: bool = False) -> Iterator[str]:
    """Yield events `run`, `metric` and `log` as they change, and `end` when the run has ended.

    With `once`, yield what there is now, and when to ask again.
    """
    if once:
        yield f"retry: {AGAIN_MILLISECONDS}\n\n"
    shown: dict[str, Any] = {}
    attempt, ahead = -1, UNKNOWN
    sent_at = time.monotonic()
    while True:
        with sessions() as session:
            run = session.get_one(TrainingRun, run_id)
            if run.attempts != attempt:
                attempt, ahead = run.attempts, expected(session, run)
            state, log, ended = run_json(run, runs.position(session, run), ahead), run.log, not run.active
            metrics = list(
                session.scalars(
                    select(RunMetric).where(RunMetric.run_id == run_id, RunMetric.id > after).order_by(RunMetric.id)
                )
            )
        chunks = []
        # The state first: a new attempt clears the charts, and its metrics then fill them.
        for name, value in (("run", state), ("log", log)):
            if shown.get(name) != value:
                shown[name] = value
                chunks.append(_event(name, value))
        for metric in metrics:
            after = metric.id
            chunks.append(_event("metric", {"step": metric.step, "name": metric.name, "value": metric.value}, after))
        if ended:
            chunks.append(_event("end", {}))
        if not chunks and time.monotonic() - sent_at > _KEEP_ALIVE_SECONDS:
            chunks.append(": still here\n\n")
        if chunks:
            sent_at = time.monotonic()
            yield "".join(chunks)
        if ended or once:
            return
        time.sleep(POLL_SECONDS)


def _event(name: str, data: object, identifier: int | None = None) -> str:
    prefix = f"id: {identifier}\n" if identifier is not None else ""
    return f"{prefix}event: {name}\ndata: {json.dumps(data)}\n\n"
