"""The curves of a run: its points in order and not too many, and what each chart and metric is called."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import RunMetric, RunStatus, write_transaction
from app.services.training import curves, setting_labels
from tests import factories


def test_the_points_are_those_of_one_metric_of_one_run_in_the_order_they_came(session: Session) -> None:
    run, other = (factories.run(session, RunStatus.SUCCEEDED).id for _ in range(2))
    for step, value in ((1, 0.9), (2, 0.5), (3, 0.7)):
        factories.metric(session, run, step, "loss", value)
    factories.metric(session, run, 2, "kl", 0.1)
    factories.metric(session, other, 2, "loss", 0.2)
    assert curves.points(session, run, "loss") == [(1, 0.9), (2, 0.5), (3, 0.7)]
    assert curves.points(session, run, "anchor_kl") == []


@pytest.mark.parametrize(("measured", "stride"), [(1000, 1), (1001, 2), (2501, 3)])
def test_many_points_are_thinned_evenly_and_the_last_is_always_there(
    session: Session, measured: int, stride: int
) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED)
    with write_transaction(session):
        session.add_all(RunMetric(run_id=run.id, step=step, name="loss", value=0.5) for step in range(measured))
    steps = [step for step, _ in curves.points(session, run.id, "loss")]
    assert steps == sorted(range(measured - 1, -1, -stride))
    assert len(steps) <= curves.MOST_POINTS


def test_all_curves_of_a_run_come_at_once_and_say_after_which_value_it_can_be_followed(session: Session) -> None:
    run, other = (factories.run(session, RunStatus.SUCCEEDED).id for _ in range(2))
    factories.metric(session, run, 1, "loss", 0.9)
    factories.metric(session, run, 1, "kl", 0.1)
    last = factories.metric(session, run, 2, "loss", 0.5).id
    factories.metric(session, other, 2, "loss", 0.2)
    assert curves.of_run(session, run) == (last, {"loss": [(1, 0.9), (2, 0.5)], "kl": [(1, 0.1)]})
    assert curves.of_run(session, factories.run(session).id) == (0, {})


def test_of_all_curves_fewer_points_are_loaded(session: Session) -> None:
    run = factories.run(session, RunStatus.SUCCEEDED)
    with write_transaction(session):
        session.add_all(RunMetric(run_id=run.id, step=step, name="loss", value=0.5) for step in range(301))
    assert [step for step, _ in curves.of_run(session, run.id).points["loss"]] == list(range(0, 301, 2))


def test_the_metrics_of_several_runs_are_named_once_and_the_best_known_first(session: Session) -> None:
    one, two, three = (factories.run(session, RunStatus.SUCCEEDED).id for _ in range(3))
    for run, name in ((one, "unheard of"), (one, "kl"), (two, "loss"), (one, "loss"), (two, "a new one"), (three, "x")):
        factories.metric(session, run, name=name)
    assert curves.names(session, [one, two]) == ["loss", "kl", "a new one", "unheard of"]
    assert curves.names(session, []) == []


def test_every_method_has_charts_and_every_line_of_them_has_a_name() -> None:
    assert set(curves.CHARTS) == {*setting_labels.METHODS, "sft"}
    for charts in curves.CHARTS.values():
        drawn = [metric for chart in charts for metric, _ in chart.lines]
        assert len(drawn) == len(set(drawn)), "no curve is drawn twice"
        assert set(drawn) <= set(curves.LABELS)
        assert all(chart.label and chart.meaning.endswith(".") for chart in charts)
