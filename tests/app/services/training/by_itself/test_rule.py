"""When a run is due that nobody asked for, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus, now, write_transaction
from app.services.prompts import studio_settings
from app.services.training.by_itself import rule
from app.services.training.by_itself.rule import Outlook
from app.services.training.reward import forecasts
from app.services.versions import live_comparison
from models.forecast import LEAST
from tests import factories
from tests.app.services.training.reward.test_heads import screen

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
ON: Mapping[str, Any] = {"retrain_by_itself": True, "retrain_after_clicks": 3}


@pytest.fixture
def person(session: Session) -> int:
    factories.version(session)
    factories.serving(session)
    return factories.user(session).id


def switch(session: Session, person: int, **values: Any) -> None:
    studio_settings.change(session, person, {**ON, **values})


def click(session: Session, person: int, times: int) -> None:
    for _ in range(times):
        factories.judgment(session, screen(session, person))


def said(session: Session, at: datetime = NOON) -> Outlook:
    found = rule.outlook(session, at)
    assert found is not None
    return found


def test_switched_off_it_says_nothing(session: Session, person: int) -> None:
    click(session, person, 60)
    assert rule.outlook(session, NOON) is None


def test_it_counts_down_the_clicks_and_then_a_run_is_due(session: Session, person: int) -> None:
    switch(session, person)
    click(session, person, 2)
    waiting = said(session)
    assert waiting.sentence == "Mellow will retrain by itself after 1 more click."
    assert waiting.occasion is None
    click(session, person, 1)
    due = said(session)
    assert due.sentence == "Mellow will retrain by itself within a minute, because of 3 new clicks."
    assert due.occasion is not None
    assert due.occasion.sentence == "Mellow began this run by itself, because of 3 new clicks."
    assert due.occasion.last_run == 0


def test_while_a_run_waits_or_works_none_is_due(session: Session, person: int) -> None:
    switch(session, person)
    click(session, person, 3)
    run = factories.run(session)
    found = said(session)
    assert found.sentence == f"Mellow will retrain by itself no sooner than run {run.id} has ended."
    assert found.occasion is None


def test_while_two_versions_are_compared_none_is_due(session: Session, person: int) -> None:
    switch(session, person)
    click(session, person, 3)
    factories.version(session, 2)
    with write_transaction(session):
        live_comparison.begin(session, old=1, new=2, serving=2)
    found = said(session)
    assert found.sentence == (
        "Mellow will retrain by itself no sooner than the comparison of versions 1 and 2 has ended."
    )
    assert found.occasion is None
    with write_transaction(session):
        live_comparison.end_running(session, "Somebody moved the alias.")
    assert said(session).occasion is not None


@pytest.mark.parametrize(
    ("first", "end", "hours"),
    [(1, 5, {1, 2, 3, 4}), (22, 2, {22, 23, 0, 1}), (7, 7, set(range(24)))],
)
def test_a_run_begins_within_the_hours_of_the_day(
    session: Session, person: int, first: int, end: int, hours: set[int]
) -> None:
    switch(session, person, retrain_from_hour=first, retrain_to_hour=end)
    click(session, person, 3)
    times = [NOON.replace(hour=hour) for hour in range(24)]
    assert {at.hour for at in times if said(session, at).occasion is not None} == hours


def test_outside_of_the_hours_it_says_when(session: Session, person: int) -> None:
    switch(session, person, retrain_from_hour=1, retrain_to_hour=5)
    click(session, person, 2)
    assert said(session).sentence == "Mellow will retrain by itself after 1 more click, between 1:00 and 5:00 UTC."
    click(session, person, 1)
    assert said(session).sentence == (
        "Mellow will retrain by itself between 1:00 and 5:00 UTC, because of 3 new clicks."
    )


def test_runs_that_begin_by_themselves_keep_apart_and_others_do_not_count(session: Session, person: int) -> None:
    switch(session, person, retrain_hours_apart=6)
    click(session, person, 3)
    factories.run(session, RunStatus.CANCELLED, created_at=NOON)
    assert said(session).occasion is not None
    factories.run(session, RunStatus.CANCELLED, created_at=NOON, occasion="by itself")
    early = said(session, NOON + timedelta(hours=5, minutes=59))
    assert early.occasion is None
    assert early.sentence.startswith("Mellow will retrain by itself not before 2027-03-01 18:00 UTC, because")
    assert said(session, NOON + timedelta(hours=6)).occasion is not None


def test_after_a_failed_run_it_stops_until_an_admin_saves_the_settings(session: Session, person: int) -> None:
    switch(session, person)
    click(session, person, 3)
    long_ago = now() - timedelta(days=3)
    run = factories.run(session, RunStatus.FAILED, created_at=long_ago, finished_at=now(), occasion="by itself")
    found = said(session)
    assert (found.stopped, found.occasion) == (True, None)
    assert found.sentence == (
        f"Mellow has stopped retraining by itself, because run {run.id} failed. It goes on when an admin saves these "
        "settings, or after a run that succeeds."
    )
    switch(session, person)
    assert said(session).occasion is not None


def test_after_a_failed_run_it_goes_on_once_another_ends_well(session: Session, person: int) -> None:
    switch(session, person)
    run = factories.run(session, RunStatus.FAILED, finished_at=now(), occasion="by itself")
    factories.run(session, RunStatus.FAILED, finished_at=now())
    assert said(session).stopped, run.id
    factories.run(session, RunStatus.SUCCEEDED, finished_at=now())
    assert not said(session).stopped


def test_a_run_that_somebody_asked_for_and_that_failed_stops_nothing(session: Session, person: int) -> None:
    switch(session, person)
    factories.run(session, RunStatus.FAILED, finished_at=now())
    assert not said(session).stopped


def test_a_forecast_that_is_high_enough_makes_a_run_due(session: Session, person: int) -> None:
    switch(session, person, retrain_when="forecast", retrain_above=50)
    assert said(session).sentence == ("Mellow will retrain by itself once the forecast begins above 50 of 100 cases.")
    click(session, person, 3 * LEAST)
    forecast = forecasts.forecast(session)
    assert forecast is not None
    assert said(session).sentence == (
        f"Mellow will retrain by itself within a minute, because of a forecast of {forecasts.cases(forecast)}."
    )
    switch(session, person, retrain_when="forecast", retrain_above=99)
    assert said(session).occasion is None


def test_either_asks_for_one_of_the_two_and_both_for_both(session: Session, person: int) -> None:
    lacks = "after 1 more click {} once the forecast begins above 99 of 100 cases"
    click(session, person, 2)
    for when, word in (("either", "or"), ("both", "and")):
        switch(session, person, retrain_when=when, retrain_above=99)
        assert said(session).sentence == f"Mellow will retrain by itself {lacks.format(word)}."
    click(session, person, 1)
    switch(session, person, retrain_when="either")
    assert said(session).occasion is not None
    switch(session, person, retrain_when="both")
    assert said(session).sentence == "Mellow will retrain by itself once the forecast begins above 99 of 100 cases."
