"""Estimates of how long a run will take, from past runs of the same method that succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, Version, task_of
from app.domain_errors import Invalid
from app.services.training import setting_labels

RUNS = 5
"""Only the last few runs count: the worker may have moved to another machine since the others."""


@dataclass(frozen=True)
class Estimate:
    """Estimated seconds of a run: the median, least and greatest of the estimates from single past runs.

    `runs` is the number of past runs.
    """

    seconds: float
    least: float
    greatest: float
    runs: int

    def as_dict(self) -> dict[str, float]:
        """Return every number by its name, in whole seconds."""
        return {name: round(value) for name, value in asdict(self).items()}


def estimate(session: Session, method: str, config: Mapping[str, Any], pairs: int) -> Estimate | None:
    """Estimate how long a run on that many pairs will take; None if no run of the method has succeeded yet.

    A run takes a fixed time (loading, checks, evaluation) and a time for each pair and epoch, the pairs labelled by the
    reward head included; each past run gives both and so one estimate. Raises Invalid for a config that the method
    cannot be run with.
    """
    settings = setting_labels.effective(method, config, task_of(session))
    passes, whole = float(settings["num_train_epochs"]), pairs + int(settings.get("head_pairs", 0))
    guesses = sorted(
        fixed + each * whole * passes for fixed, each in map(_cost, _past(session, method)) if each is not None
    )
    return Estimate(median(guesses), guesses[0], guesses[-1], len(guesses)) if guesses else None


def _past(session: Session, method: str) -> list[tuple[TrainingRun, dict[str, Any]]]:
    ended = (
        select(TrainingRun, Version.metrics)
        .join(Version, Version.number == TrainingRun.produced_version)
        .where(
            TrainingRun.status == RunStatus.SUCCEEDED,
            TrainingRun.method == method,
            TrainingRun.attempts == 1,  # a second attempt resumed the first one, so its time is too short
            TrainingRun.pairs > 0,
            TrainingRun.started_at.is_not(None),
            TrainingRun.finished_at.is_not(None),
        )
        .order_by(TrainingRun.id.desc())
        .limit(RUNS)
    )
    return [(run, metrics) for run, metrics in session.execute(ended)]


def _cost(past: tuple[TrainingRun, Mapping[str, Any]]) -> tuple[float, float | None]:
    """Return the fixed seconds of a run and those per pair and epoch; None for these if it did not record them."""
    run, metrics = past
    trained = metrics.get("seconds")
    if not isinstance(trained, int | float) or run.started_at is None or run.finished_at is None:
        return 0.0, None
    try:
        passes = float(setting_labels.effective(run.method, run.config)["num_train_epochs"])
    except Invalid:  # a setting of an older release
        return 0.0, None
    whole = (run.finished_at - run.started_at).total_seconds()
    pairs = run.pairs + int(metrics.get("head_pairs", 0))
    return max(whole - trained, 0.0), trained / (pairs * passes)
