"""How far a run is as a whole; each figure is worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun
from app.services.training.course.phases import Phase
from app.services.training.course.progress import UNKNOWN, Expected, expected, progress
from tests import factories
from tests.app.services.training.course.test_phases import BEGAN, STAGES

AHEAD = Expected(dict(zip(Phase, (10, 60, 2, 26, 2), strict=True)), known=True)  # 100 seconds


def running(session: Session, *stages: tuple[str, int], **values: Any) -> TrainingRun:
    """A run at work that began its stages so many seconds after its beginning."""
    starts = [[name, (BEGAN + timedelta(seconds=after)).isoformat()] for name, after in stages]
    return factories.run(session, RunStatus.RUNNING, started_at=BEGAN, stage_starts=starts, **values)


def at(run: TrainingRun, after: int, ahead: Expected = AHEAD) -> tuple[Phase | None, float, int | None]:
    """The phase, the share in percent and the seconds left, so many seconds after the beginning."""
    found = progress(run, ahead, BEGAN + timedelta(seconds=after))
    return found.phase, round(100 * found.share), found.seconds_left


def past(session: Session, **values: Any) -> TrainingRun:
    """A run that took 10 s, 20 s, 1 s, 9 s and 2 s for its phases."""
    starts = [[name, (BEGAN + timedelta(seconds=after)).isoformat()] for name, after in STAGES]
    end = BEGAN + timedelta(seconds=42)
    given: dict[str, Any] = {"attempts": 1, "pairs": 20, "config": {"num_train_epochs": 2, "head_pairs": 0}}
    times = {"started_at": BEGAN, "finished_at": end, "stage_starts": starts}
    return factories.run(session, RunStatus.SUCCEEDED, **given | times | values)


def test_the_share_and_the_time_left_are_those_of_the_whole_run(session: Session) -> None:
    run = running(session, ("training", 12), step=10, total_steps=40)
    # 10 s of preparing and a quarter of 60 s are done; 10 steps took 30 s, so 30 more take 90 s, and 30 s come after.
    assert at(run, 42) == (Phase.TRAINING, 25, 120)


def test_training_that_is_done_leaves_what_comes_after_it(session: Session) -> None:
    run = running(session, ("training", 12), ("converting", 72), ("evaluating", 74), step=40, total_steps=40)
    assert at(run, 74) == (Phase.EVALUATING, 72, 30)
    assert at(run, 87) == (Phase.EVALUATING, 85, 15)


def test_a_phase_that_takes_longer_than_expected_does_not_end_before_it_ends(session: Session) -> None:
    run = running(session, ("training", 12), ("converting", 72), ("evaluating", 74), ("publishing", 100))
    assert at(run, 500) == (Phase.PUBLISHING, 99, None)


def test_without_a_past_run_the_time_left_is_not_known_and_only_steps_move_the_bar(session: Session) -> None:
    run = running(session, ("training", 12), step=10, total_steps=40)
    assert at(run, 42, UNKNOWN) == (Phase.TRAINING, 36, None)  # 12 s and a quarter of 24 s, of 50 s
    evaluating = (BEGAN + timedelta(seconds=74)).isoformat()
    run.stage_starts = [*(run.stage_starts or ()), ["evaluating", evaluating]]
    assert at(run, 75, UNKNOWN) == at(run, 500, UNKNOWN) == (Phase.EVALUATING, 74, None)  # 37 s of 50 s


def test_a_resumed_run_is_timed_by_past_ones_since_its_steps_began_elsewhere(session: Session) -> None:
    run = running(session, ("training", 12), step=30, total_steps=40, attempts=2)
    assert at(run, 13) == (Phase.TRAINING, 55, 45)  # a quarter of 60 s, and 30 s


@pytest.mark.parametrize(("status", "share"), [(RunStatus.QUEUED, 0), (RunStatus.SUCCEEDED, 1), (RunStatus.FAILED, 0)])
def test_a_run_that_does_not_work_has_no_phase_and_no_time_left(
    session: Session, status: RunStatus, share: float
) -> None:
    found = progress(factories.run(session, status), AHEAD)
    assert (found.phase, found.share, found.seconds_left) == (None, share, None)


def test_training_is_expected_to_take_as_long_for_each_pair_and_epoch_as_it_did(session: Session) -> None:
    past(session)
    config = {"num_train_epochs": 4, "head_pairs": 20}
    found = expected(session, running(session, pairs=40, config=config))
    # 20 pairs in 2 epochs took 20 s; 40 + 20 pairs in 4 take 6 times as long.
    assert found == Expected(dict(zip(Phase, (10, 120, 1, 9, 2), strict=True)), known=True)


def test_only_whole_runs_of_the_same_method_say_what_to_expect(session: Session) -> None:
    past(session, method="kto")
    past(session, attempts=2)
    past(session, stage_starts=None)
    assert expected(session, running(session)) == UNKNOWN


def test_initial_training_is_expected_by_its_pairs_and_epochs_too(session: Session) -> None:
    past(session, method="sft", config={"num_train_epochs": 2})
    run = running(session, method="sft", pairs=10, config={"num_train_epochs": 2})
    assert expected(session, run).seconds[Phase.TRAINING] == 10
