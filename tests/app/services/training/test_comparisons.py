"""Runs side by side: what they were asked for, what they differ in, and what came of each."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from app.db import RunStatus, TrainingRun, now
from app.services.training import comparisons
from app.services.training.comparisons import Row
from tests import factories


def told(session: Session, *chosen: TrainingRun) -> dict[str, Row]:
    """The rows by their labels."""
    return {row.label: row for row in comparisons.rows(session, chosen)}


def test_runs_are_told_by_what_they_were_asked_for(session: Session) -> None:
    ended = now()
    selection = {"people": [1], "from_day": "2026-01-31"}
    times = {"started_at": ended - timedelta(minutes=5), "finished_at": ended}
    one = factories.run(session, RunStatus.SUCCEEDED, pairs=1200, selection=selection, produced_version=2, **times)
    other = factories.run(session, RunStatus.FAILED, method="kto", parent_version=None, pairs=1200)
    found = told(session, one, other)
    assert found["Method"] == Row("Method", ["DPO", "KTO"], True)
    assert found["Pairs"] == Row("Pairs", ["1,200", "1,200"], False)
    assert found["Clicks"].values == ["those of one person, from 2026-01-31 on", "all"]
    assert found["From version"].values == ["1", "–"]
    assert found["Status"].values == ["succeeded", "failed"]
    assert found["Duration"].values == ["5 minutes", "–"]
    assert found["Version"].values == ["2", "–"]


def test_of_the_settings_only_those_that_differ_are_told_under_the_names_of_the_form(session: Session) -> None:
    first = factories.run(session, RunStatus.SUCCEEDED, config={"seed": 0, "loss_type": ["sigmoid", "sft"]})
    second = factories.run(session, RunStatus.SUCCEEDED, config={"learning_rate": 1e-4, "use_lora": False})
    found = told(session, first, second)
    assert found["Learning rate"].values == ["0.001", "0.0001"]
    assert found["Loss"].values == ["sigmoid, sft", "sigmoid"]
    assert found["Train an adapter (LoRA)"].values == ["yes", "no"]
    assert {"Seed", "Beta"}.isdisjoint(found), "one gives the default, the other leaves it out"


def test_a_setting_that_only_one_of_the_methods_has_is_left_empty_at_the_other(session: Session) -> None:
    kto = factories.run(session, RunStatus.SUCCEEDED, method="kto")
    dpo = factories.run(session, RunStatus.SUCCEEDED)
    assert told(session, kto, dpo)["Weight of good texts"].values == ["1", "–"]


def test_a_run_with_a_setting_of_an_older_release_is_told_as_it_was_asked_for(session: Session) -> None:
    old = factories.run(session, RunStatus.SUCCEEDED, config={"forgotten": 7})
    new = factories.run(session, RunStatus.SUCCEEDED)
    found = told(session, old, new)
    assert found["forgotten"].values == ["7", "–"]
    assert found["Beta"].values == ["–", "0.1"]


def test_what_came_of_a_run_is_what_its_version_says(session: Session) -> None:
    metrics = {"preference_accuracy": 0.875, "parent_preference_accuracy": 0.5, "heldout_relative_change": -0.0123}
    factories.version(session, 1)
    factories.version(session, 2, metrics=metrics)
    good = factories.run(session, RunStatus.SUCCEEDED, produced_version=2)
    failed = factories.run(session, RunStatus.FAILED)
    found = told(session, good, failed)
    assert found["Agrees with its clicks"].values == ["87.5 %", "–"]
    assert found["Its parent agrees with them"].values == ["50.0 %", "–"]
    assert found["Held-out quality"].values == ["−1.23 %", "–"]


def test_of_no_run_there_is_nothing_to_tell(session: Session) -> None:
    assert comparisons.rows(session, []) == []
