"""How far a run has come as a whole, and how long it will still take, from past runs of the same method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from statistics import median
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, now, task_of
from app.domain_errors import Invalid
from app.services.training import setting_labels
from app.services.training.course import phases
from app.services.training.course.phases import Phase
from app.services.training.estimates import RUNS
from models.settings.options import current_names
from models.settings.sft import SFTRecipe

_USUAL: Mapping[Phase, float] = MappingProxyType(
    {
        Phase.PREPARING: 12.0,
        Phase.TRAINING: 24.0,
        Phase.CONVERTING: 1.0,
        Phase.EVALUATING: 12.0,
        Phase.PUBLISHING: 1.0,
    }
)
"""Shares of the bar before any run of the method has ended well: seconds of a first retraining on two processors."""
_MOST = 0.99
"""The most that a run which has not ended shows."""
_MOST_OF_A_PHASE = 0.95
"""The most of a phase that has not ended, where only the clock tells how far it is."""


@dataclass(frozen=True)
class Expected:
    """Seconds that each phase is expected to take; `known` is False if no past run says so."""

    seconds: Mapping[Phase, float]
    known: bool


UNKNOWN = Expected(_USUAL, known=False)


@dataclass(frozen=True)
class Progress:
    """How far a run is: its phase, the share that is done in 0 … 1, and the seconds left, in fives, if known."""

    phase: Phase | None
    share: float
    seconds_left: int | None


def expected(session: Session, run: TrainingRun) -> Expected:
    """Return what the phases of a running run are expected to take, by the last few of its method that ended well.

    Training is taken to last as long for each pair and epoch as it did then. UNKNOWN if there is none, and for other
    runs, of which nobody asks.
    """
    if run.status != RunStatus.RUNNING:
        return UNKNOWN
    ended = (
        select(TrainingRun)
        .where(
            TrainingRun.status == RunStatus.SUCCEEDED,
            TrainingRun.method == run.method,
            TrainingRun.attempts == 1,  # a second attempt skips what the first one did
            TrainingRun.pairs > 0,
            TrainingRun.stage_starts.is_not(None),
        )
        .order_by(TrainingRun.id.desc())
        .limit(RUNS)
    )
    task = task_of(session)
    took = [times for past in session.scalars(ended) if (times := _scaled(past, run, task))]
    if not took:
        return UNKNOWN
    return Expected({phase: median(times[phase] for times in took) for phase in Phase}, known=True)


def progress(run: TrainingRun, ahead: Expected, moment: datetime | None = None) -> Progress:
    """Return how far a run is at a moment, by default now; one that has not ended is never shown as complete."""
    if run.status == RunStatus.SUCCEEDED:
        return Progress(None, 1.0, None)
    begun = phases.starts(run)
    if not run.active or not begun or run.status == RunStatus.QUEUED:
        return Progress(None, 0.0, None)
    phase, since = begun[-1]
    spent = ((moment or now()) - since).total_seconds()
    order = list(Phase)
    coming = sum(ahead.seconds[later] for later in order[order.index(phase) + 1 :])
    part = _part(run, phase, spent, ahead)
    here = ahead.seconds[phase]
    share = 1 - (coming + here * (1 - part)) / sum(ahead.seconds.values())
    left = ceil((coming + _left(run, phase, spent, here)) / 5) * 5 if ahead.known else None
    return Progress(phase, min(max(share, 0.0), _MOST), left or None)


def _scaled(past: TrainingRun, run: TrainingRun, task: str) -> dict[Phase, float]:
    """Return the seconds of a past run's phases, those of the training as a run of the size of `run` would take."""
    took = phases.seconds(past)
    if took:
        took[Phase.TRAINING] *= _size(run, task) / _size(past, task)
    return took


def _size(run: TrainingRun, task: str) -> float:
    """Return how many pairs a run passes over, those of other texts included."""
    on_clicks = run.method in setting_labels.METHODS
    try:
        settings = setting_labels.effective(run.method, run.config, task) if on_clicks else {}
    except Invalid:  # a setting of an older release
        settings = {}
    asked = {**SFTRecipe().as_dict(), **current_names(run.config), **settings}
    return (max(run.pairs, 1) + float(settings.get("head_pairs", 0))) * float(asked["num_train_epochs"])


def _part(run: TrainingRun, phase: Phase, spent: float, ahead: Expected) -> float:
    """Return the share of the present phase that is done."""
    if phase == Phase.TRAINING:
        return run.step / run.total_steps if run.total_steps else 0.0
    return min(spent / max(ahead.seconds[phase], 0.1), _MOST_OF_A_PHASE) if ahead.known else 0.0


def _left(run: TrainingRun, phase: Phase, spent: float, here: float) -> float:
    """Return how many seconds the present phase still takes: by its own pace where steps tell it."""
    if phase != Phase.TRAINING or not run.total_steps:
        return max(here - spent, 0.0)
    rest = run.total_steps - run.step
    if run.step and run.attempts == 1:
        return spent / run.step * rest
    return here * rest / run.total_steps
