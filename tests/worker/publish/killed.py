"""A worker that is killed while it publishes: `python -m tests.worker.publish.killed RUN_ID POINT`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from app.config import Settings
from app.runtime import announcements
from app.services.training import published, runs
from app.services.versions import versions
from models.store.store import CheckpointStore
from worker.publish import release
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio

POINTS: dict[str, tuple[Any, str, bool]] = {
    "before the rename": (CheckpointStore, "publish", True),
    "after the rename": (CheckpointStore, "publish", False),
    "after the version's row": (published, "record", False),
    "after the alias": (versions, "point_serving_at", False),
    "before the commit": (runs, "succeed", False),
    "after the commit": (announcements, "alias_moved", True),
}
"""For each point the function at which the worker dies, and whether before it does anything."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying(call: Callable[..., Any], *, first: bool) -> Callable[..., Any]:
    def dying(*arguments: Any, **named: Any) -> None:
        if not first:
            call(*arguments, **named)
            for session in (one for one in arguments if isinstance(one, Session)):
                session.flush()
        _die()

    return dying


def _publish(settings: Settings, run_id: int, point: str) -> None:
    studio = Studio.of(settings)
    attempt = Attempt.claim(studio.sessions, run_id)
    assert attempt is not None
    module, name, first = POINTS[point]
    setattr(module, name, _dying(getattr(module, name), first=first))
    facts = release.Facts(
        parent=1,
        method=attempt.method,
        config={},
        data_sha256="d" * 64,
        metrics={},
        run_id=attempt.run_id,
        run_key=attempt.key,
    )
    with studio.store.stage() as staged:
        (staged / "weights").write_bytes(b"weights")
        release.release(studio, staged, facts, None, attempt)


if __name__ == "__main__":
    _publish(Settings.from_env(), int(sys.argv[1]), sys.argv[2])
