"""A retraining is forecast from the clicks since the live version was trained, and from past runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, write_transaction
from app.services.desk import judgments
from app.services.training.reward import forecasts, heads, judged
from models.forecast import LEAST, RETRAINED, Forecast
from models.reward.head import fitted
from tests import factories
from tests.app.services.training.reward.test_heads import screen


@pytest.fixture
def person(session: Session) -> int:
    factories.version(session)
    factories.serving(session)
    return factories.user(session).id


def click(session: Session, person: int, times: int) -> None:
    for _ in range(times):
        factories.judgment(session, screen(session, person))


def test_before_the_first_version_nothing_is_forecast(session: Session) -> None:
    assert forecasts.known(session) == forecasts.Known(0, LEAST, 0)


def test_too_few_clicks_are_told_with_how_many_are_missing(session: Session, person: int) -> None:
    click(session, person, LEAST - 3)
    found = forecasts.known(session)
    assert (found.clicks, found.missing, found.forecast) == (LEAST - 3, 3, None)
    click(session, person, 3)
    found = forecasts.known(session)
    assert (found.clicks, found.missing) == (LEAST, 0)
    assert found.forecast is not None
    assert found.narrowed is not None
    assert 0.5 < found.forecast.value < 1
    assert found.forecast.low < found.narrowed.low < found.narrowed.high < found.forecast.high
    assert forecasts.forecast(session) == found.forecast


def test_an_undone_click_counts_no_more(session: Session, person: int) -> None:
    click(session, person, LEAST - 1)
    last = factories.judgment(session, screen(session, person))
    assert forecasts.forecast(session) is not None
    judgments.undo(session, person, last.id)
    assert forecasts.known(session).missing == 1


def test_clicks_that_the_live_version_was_trained_on_are_not_counted(session: Session, person: int) -> None:
    click(session, person, LEAST)
    ids = judged.standing(session)
    known = sorted(judged.screens(session, ids), key=lambda one: one.judgment_id)
    head = fitted([one.judged() for one in known])
    factories.version(session, 2)
    with write_transaction(session):
        heads.carry(session, 2, replace(head, taught=True).to_bytes(), max(ids))
    factories.serving(session, 2)
    assert forecasts.known(session).missing == LEAST
    click(session, person, LEAST)
    again = forecasts.forecast(session)
    assert again is not None
    assert again.value == pytest.approx(0.5, abs=0.02), "they say what it knows already"


def test_a_damaged_head_is_left_aside(session: Session, person: int) -> None:
    click(session, person, LEAST)
    sound = forecasts.forecast(session)
    with write_transaction(session):
        ids = judged.standing(session)
        head = fitted([one.judged() for one in judged.screens(session, ids)])
        heads.carry(session, 1, head.to_bytes(), 0)
        session.flush()
        row = heads.carried(session, 1)
        assert row is not None
        row.data = b"damaged"
    assert forecasts.forecast(session) == sound


def test_past_runs_that_came_out_lower_lower_the_forecast(session: Session, person: int) -> None:
    click(session, person, 2 * LEAST)
    before = forecasts.known(session)
    for number in (2, 3):
        measured = {"value": 0.5, "low": 0.47, "high": 0.53}
        factories.version(session, number, metrics={"preferred": measured})
        factories.run(session, RunStatus.SUCCEEDED, produced_version=number, forecast={"gain": 0.8})
    factories.version(session, 4, metrics={"preferred": {}})
    factories.run(session, RunStatus.SUCCEEDED, produced_version=4, forecast={"gain": 0.8})
    after = forecasts.known(session)
    assert (before.past, after.past) == (0, 2), "one of the three was not measured"
    assert before.forecast is not None
    assert after.forecast is not None
    assert after.forecast.value < before.forecast.value
    assert after.forecast.gain == before.forecast.gain
    assert RETRAINED.mean > 1


def test_an_interval_is_told_in_cases_of_a_hundred() -> None:
    found = Forecast(value=0.61, low=0.58, high=0.64, clicks=20, gain=0.4)
    assert forecasts.cases(found) == "58 to 64 of 100 cases"
    assert forecasts.cases(replace(found, low=0.61, high=0.61)) == "61 of 100 cases"
