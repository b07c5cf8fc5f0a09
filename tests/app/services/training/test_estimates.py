"""How long a run will take, from those that have ended; each figure is worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, Version, now, write_transaction
from app.services.training import estimates
from tests import factories


def past(session: Session, number: int, *, whole: float, trained: float | None, pairs: int, **values: Any) -> None:
    """A run of ten epochs that took `whole` seconds, `trained` of which it trained."""
    end = now()
    given: dict[str, Any] = {"method": "dpo", "config": {"num_train_epochs": 10}, "attempts": 1, "pairs": pairs}
    times = {"started_at": end - timedelta(seconds=whole), "finished_at": end}
    factories.run(session, RunStatus.SUCCEEDED, produced_version=number, **given | times | values)
    factories.version(session, number, metrics={} if trained is None else {"seconds": trained})


def test_without_a_past_run_of_the_method_there_is_no_estimate(session: Session) -> None:
    past(session, 2, whole=60, trained=40, pairs=20, method="kto")
    past(session, 3, whole=60, trained=None, pairs=20)
    past(session, 4, whole=60, trained=40, pairs=20, attempts=2)
    assert estimates.estimate(session, "dpo", {}, 20) is None


def test_an_estimate_adds_the_fixed_time_to_that_of_each_pair_and_pass(session: Session) -> None:
    past(session, 2, whole=60, trained=40, pairs=20)  # 20 s, and 40 / 200 = 0.2 s for a pair in a pass
    guess = estimates.estimate(session, "dpo", {"num_train_epochs": 5, "head_pairs": 0}, 100)
    assert guess is not None
    # 20 + 0.2 * 100 * 5
    assert guess.seconds == guess.least == guess.greatest == pytest.approx(120, abs=0.01)
    past(session, 3, whole=40, trained=20, pairs=20)  # 20 + 0.1 * 500 = 70
    past(session, 4, whole=100, trained=80, pairs=20)  # 20 + 0.4 * 500 = 220
    guess = estimates.estimate(session, "dpo", {"num_train_epochs": 5, "head_pairs": 0}, 100)
    assert guess is not None
    assert (guess.seconds, guess.least, guess.greatest) == pytest.approx((120, 70, 220), abs=0.01)
    assert guess.runs == 3


def test_pairs_of_other_texts_take_as_long_as_those_of_clicks(session: Session) -> None:
    past(session, 2, whole=60, trained=40, pairs=20)
    version = session.get_one(Version, 2)
    with write_transaction(session):
        version.metrics = {"seconds": 40, "head_pairs": 180}  # 40 / 2,000 s for a pair in a pass
    guess = estimates.estimate(session, "dpo", {"num_train_epochs": 1, "head_pairs": 400}, 100)
    assert guess is not None
    assert guess.seconds == pytest.approx(20 + 0.02 * 500, abs=0.01)


def test_only_the_last_few_runs_count(session: Session) -> None:
    past(session, 2, whole=10_000, trained=9_000, pairs=20)
    for number in range(3, 3 + estimates.RUNS):
        past(session, number, whole=60, trained=40, pairs=20)
    guess = estimates.estimate(session, "dpo", {"num_train_epochs": 10, "head_pairs": 0}, 20)
    assert guess is not None
    assert guess.greatest == pytest.approx(60, abs=0.01)
    assert guess.runs == estimates.RUNS


@pytest.mark.parametrize(
    "values",
    [
        {"status": RunStatus.FAILED},
        {"pairs": 0},
        {"started_at": None},
        {"finished_at": None},
        {"config": {"of_an_older_release": 1}},
        {"metrics": {"seconds": "40"}},
    ],
)
def test_a_run_that_does_not_say_how_long_it_took_counts_for_nothing(session: Session, values: dict[str, Any]) -> None:
    end = now()
    given = {"method": "dpo", "config": {"num_train_epochs": 10}, "attempts": 1, "pairs": 20, "produced_version": 2}
    times = {"started_at": end - timedelta(seconds=60), "finished_at": end}
    metrics = values.pop("metrics", {"seconds": 40})
    status = values.pop("status", RunStatus.SUCCEEDED)
    factories.run(session, status, **given | times | values)
    factories.version(session, 2, metrics=metrics)
    assert estimates.estimate(session, "dpo", {}, 20) is None


def test_a_run_has_no_fixed_time_below_nothing_and_is_told_in_whole_seconds(session: Session) -> None:
    past(session, 2, whole=30, trained=40, pairs=20)
    guess = estimates.estimate(session, "dpo", {"num_train_epochs": 1, "head_pairs": 0}, 33)
    assert guess is not None
    assert guess.seconds == pytest.approx(0.2 * 33)
    assert guess.as_dict() == {"seconds": 7, "least": 7, "greatest": 7, "runs": 1}
