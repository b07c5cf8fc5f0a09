"""A run that waits where no worker takes it: its stage says so, which pages, the API and the checks read."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, write_transaction
from app.words import N_

_STAGES: Mapping[str, str] = {
    "gpu": N_("waiting: no worker takes from gpu"),
    "cpu": N_("waiting: no worker takes from cpu"),
    "default": N_("waiting: no worker takes from default"),
}
_WAITING = "queued"


def queue_of(run: TrainingRun) -> str | None:
    """Return the queue from which some worker would have to take a run that waits, if none does."""
    if run.status != RunStatus.QUEUED:
        return None
    return next((queue for queue, stage in _STAGES.items() if run.stage == stage), None)


def first(session: Session) -> TrainingRun | None:
    """Return the run that waits where no worker takes it, if there is one; those behind it wait for it."""
    untaken = (TrainingRun.status == RunStatus.QUEUED, TrainingRun.stage.in_(_STAGES.values()))
    return session.scalar(select(TrainingRun).where(*untaken).order_by(TrainingRun.id).limit(1))


def tell(session: Session, run: TrainingRun, queue: str | None) -> None:
    """Keep that no worker takes from the queue in which a run waits, or (None) that one does."""
    if queue_of(run) == queue:
        return
    with write_transaction(session):
        session.refresh(run, with_for_update=True)
        if run.status == RunStatus.QUEUED:
            run.stage = _STAGES[queue] if queue else _WAITING
