"""How long a run will take, judging by those of the same method that ended well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, Version
from app.errors import Invalid
from app.services.training import setting_labels

RUNS = 5
"""Only the last few count: the worker may have moved to another machine since the others."""


@dataclass(frozen=True)
class Estimate:
    """Seconds from the start to the end: the middle, and what the quickest and the slowest past run would have taken.

    `runs` is how many runs it rests on.
    """

    seconds: float
    least: float
    greatest: float
    runs: int

    def as_dict(self) -> dict[str, float]:
        """Every number by its name, in whole seconds."""
        return {name: round(value) for name, value in asdict(self).items()}


def estimate(session: Session, method: str, config: Mapping[str, Any], pairs: int) -> Estimate | None:
    """How long a run on that many pairs will take, or None if none of the method has ended well yet.

    A run takes a fixed time (loading, checks, evaluation) and a time for each pair and pass, those of other texts among
    them; both are those of the past runs, one by one. Raises Invalid for a config that the method cannot be run with.
    """
    settings = setting_labels.effective(method, config)
    passes, whole = float(settings["num_train_epochs"]), pairs + int(settings["head_pairs"])
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
            TrainingRun.attempts == 1,  # a second attempt began where the first one was
            TrainingRun.pairs > 0,
            TrainingRun.started_at.is_not(None),
            TrainingRun.finished_at.is_not(None),
        )
        .order_by(TrainingRun.id.desc())
        .limit(RUNS)
    )
    return [(run, metrics) for run, metrics in session.execute(ended)]


def _cost(past: tuple[TrainingRun, Mapping[str, Any]]) -> tuple[float, float | None]:
    """The fixed seconds of a run, and those for one pair in one pass; None if it did not say how long it trained."""
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
