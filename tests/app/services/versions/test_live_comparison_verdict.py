"""The verdict of the clicks: which version serves by it, once, and what is told of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, LiveComparison, WebhookDelivery
from app.services.system import webhooks
from app.services.versions import live_comparison, versions
from app.services.versions.live_comparison_verdict import look, outcome, winner
from models.sequential import THRESHOLDS, Click, Thresholds
from tests import factories
from tests.studio import parts, rows


def prefer(session: Session, comparison: LiveComparison, number: int, *, clicks: int = 30) -> None:
    """Two people who always choose a card of one version, though the other one wrote two of three."""
    new_cards = 1 if number == comparison.new_number else 2
    people = [factories.user(session).id for _ in range(2)]
    for click in range(clicks):
        factories.preferred(session, people[click % 2], comparison, number, new_cards=new_cards)


def bounds(decisive: Thresholds, most_clicks: int) -> LiveComparison:
    """A comparison that began with those bounds."""
    return LiveComparison(threshold_new=decisive.new, threshold_old=decisive.old, most_clicks=most_clicks)


def test_a_loser_is_taken_back_and_the_one_before_serves_again(either: Session) -> None:
    comparison = factories.comparison(either)
    webhooks.add(either, factories.user(either).id, "https://example.org/", ["comparison.finished", "alias.moved"])
    prefer(either, comparison, 1)
    assert look(either) is comparison
    assert (comparison.state, comparison.outcome, winner(comparison)) == ("decided", "old", 1)
    assert comparison.reason == (
        "The clicks show that people prefer version 1: version 2 was chosen in 0 of 30, and 20 would be expected if "
        "both were equally good. Version 1 is live again."
    )
    assert (versions.serving_number(either), live_comparison.running(either)) == (1, None)
    told = [(event.action, event.user_id) for event in rows(either, AuditEvent)][-2:]
    assert told == [("comparison.decided", None), ("alias.moved", None)]
    assert [message.event for message in rows(either, WebhookDelivery)] == ["comparison.finished", "alias.moved"]
    finished = rows(either, WebhookDelivery)[0].payload["data"]
    assert (finished["state"], finished["outcome"], finished["clicks"]) == ("decided", "old", 30)
    assert look(either) is None


def test_a_new_version_that_serves_and_wins_goes_on_serving(session: Session) -> None:
    comparison = factories.comparison(session)
    prefer(session, comparison, 2)
    assert look(session) is comparison
    assert (comparison.outcome, versions.serving_number(session)) == ("new", 2)
    assert str(comparison.reason).endswith("Version 2 stays live.")
    assert [event.action for event in rows(session, AuditEvent)][-1] == "comparison.decided", "no alias moved"


def test_a_version_that_had_to_prove_itself_first_serves_when_it_has(session: Session) -> None:
    comparison = factories.comparison(session, serving_number=1)
    assert versions.serving_number(session) == 1
    prefer(session, comparison, 2)
    assert look(session) is comparison
    assert (comparison.outcome, versions.serving_number(session)) == ("new", 2)
    assert str(comparison.reason).endswith("Version 2 is live from now on.")


@pytest.mark.parametrize("serving", [1, 2])
def test_after_the_most_clicks_no_difference_is_shown_and_what_serves_stays(session: Session, serving: int) -> None:
    comparison = factories.comparison(session, serving_number=serving, most_clicks=6)
    person = factories.user(session).id
    for click in range(6):
        assert look(session) is None
        factories.preferred(session, person, comparison, 2 if click % 3 == 0 else 1)
    assert look(session) is comparison
    assert (comparison.state, comparison.outcome, comparison.clicks) == ("decided", "none", 6)
    assert comparison.reason == (
        "After 6 clicks they show no difference: version 2 was chosen in 2 of 6, and 2 would be expected if both were "
        f"equally good. Version {serving} stays live."
    )
    assert versions.serving_number(session) == serving


def test_too_few_clicks_decide_nothing(session: Session) -> None:
    assert look(session) is None, "there is no comparison at all"
    prefer(session, factories.comparison(session), 1, clicks=2)
    assert look(session) is None
    assert versions.serving_number(session) == 2


def test_the_first_click_with_enough_evidence_decides_whatever_follows_and_none_after_the_last() -> None:
    enough = [Click(str(number % 2), 1, 3, new_won=True) for number in range(30)]
    against = [Click(str(number % 2), 2, 3, new_won=False) for number in range(100)]
    usual = bounds(THRESHOLDS, 500)
    assert outcome(usual, [*enough, *against]) == "new"
    assert outcome(bounds(THRESHOLDS, 5), enough) == "none"
    assert outcome(usual, enough[:5]) is None
    assert outcome(usual, []) is None


@pytest.mark.parametrize(("new", "won"), [(True, "new"), (False, "old")])
def test_what_was_enough_when_it_began_decides_whatever_is_enough_today(new: bool, won: str) -> None:
    made = [Click(str(number % 2), 1 if new else 2, 3, new_won=new) for number in range(30)]

    def decided_after(decisive: Thresholds) -> int:
        comparison = bounds(decisive, 500)
        found = [number for number in range(1, 31) if outcome(comparison, made[:number]) is not None]
        assert outcome(comparison, made) == won
        return found[0]

    twice = Thresholds(2 * THRESHOLDS.new, 2 * THRESHOLDS.old)
    half = Thresholds(THRESHOLDS.new / 2, THRESHOLDS.old / 2)
    assert decided_after(half) < decided_after(THRESHOLDS) < decided_after(twice)


def test_of_several_that_look_at_once_one_decides(request: pytest.FixtureRequest, either: Session) -> None:
    app: Flask = request.getfixturevalue("app" if either.get_bind().dialect.name == "sqlite" else "postgres_app")
    prefer(either, factories.comparison(either), 1)

    def elsewhere(_: int) -> bool:
        with parts(app).sessions() as session:
            return look(session) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(elsewhere, range(8))) == [False] * 7 + [True]
    actions = [event.action for event in rows(either, AuditEvent)]
    assert [actions.count(action) for action in ("comparison.decided", "alias.moved")] == [1, 1]


def test_a_decision_that_cannot_be_carried_out_whole_changes_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = factories.comparison(session)
    prefer(session, comparison, 1)

    def fail(*_: object) -> bool:
        raise RuntimeError("The power is cut.")

    monkeypatch.setattr(versions, "point_serving_at", fail)
    with pytest.raises(RuntimeError, match="power"):
        look(session)
    assert live_comparison.running(session) is comparison
    assert versions.serving_number(session) == 2
