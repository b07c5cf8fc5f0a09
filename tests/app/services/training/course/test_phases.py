"""Which phase a run is in, and how long each took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.db import RunStatus, TrainingRun
from app.services.training.course import phases
from app.services.training.course.phases import Phase

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAGES = (("loading", 2), ("training", 10), ("saving", 29), ("converting", 30), ("evaluating", 31), ("publishing", 40))


def run_with(stages: tuple[tuple[str, int], ...], **values: Any) -> TrainingRun:
    """A run that began its stages so many seconds after its beginning."""
    starts = [[name, (BEGAN + timedelta(seconds=after)).isoformat()] for name, after in stages]
    return TrainingRun(started_at=BEGAN, stage_starts=starts, **values)


def test_a_stage_without_a_phase_of_its_own_belongs_to_the_phase_it_comes_in() -> None:
    begun = phases.starts(run_with(STAGES[:3]))
    assert begun == [(Phase.PREPARING, BEGAN), (Phase.TRAINING, BEGAN + timedelta(seconds=10))]


def test_a_run_that_waits_has_no_phase_and_one_of_an_older_release_is_preparing() -> None:
    assert phases.starts(TrainingRun()) == []
    assert phases.starts(TrainingRun(started_at=BEGAN)) == [(Phase.PREPARING, BEGAN)]


def test_each_phase_lasts_until_the_next_one_and_the_last_until_the_end() -> None:
    run = run_with(STAGES, status=RunStatus.SUCCEEDED, finished_at=BEGAN + timedelta(seconds=42))
    assert list(phases.seconds(run).values()) == [10, 20, 1, 9, 2]


def test_a_run_that_skipped_a_phase_or_has_not_ended_tells_no_times() -> None:
    assert phases.seconds(run_with(STAGES)) == {}
    assert phases.seconds(run_with(STAGES[2:], finished_at=BEGAN + timedelta(seconds=42))) == {}
