"""Switching live comparisons off ends the one that is under way, and what serves stays."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, WebhookDelivery
from app.domain_errors import Invalid
from app.services.prompts import studio_settings
from app.services.system import webhooks
from app.services.training.reward import click_settings
from app.services.versions import live_comparison, versions
from app.services.versions.live_comparison_verdict import look
from tests import factories
from tests.studio import rows


@pytest.mark.parametrize("serving", [1, 2])
def test_without_live_comparisons_the_one_under_way_ends_and_what_serves_stays(either: Session, serving: int) -> None:
    admin = factories.user(either).id
    comparison = factories.comparison(either, serving_number=serving)
    webhooks.add(either, admin, "https://example.org/", ["comparison.finished", "alias.moved"])
    for _ in range(30):
        factories.preferred(either, admin, comparison, 3 - serving)
    assert click_settings.change(either, admin, {"compare_live": False, "blur": True}) is comparison
    assert (comparison.state, comparison.outcome, comparison.clicks) == ("ended", None, 30)
    assert comparison.reason == "Live comparisons were switched off."
    assert (live_comparison.running(either), versions.serving_number(either)) == (None, serving)
    assert not studio_settings.settings(either).compare_live
    assert studio_settings.settings(either).blur
    told = [(event.action, event.user_id) for event in rows(either, AuditEvent)][-2:]
    assert told == [("studio.changed", admin), ("comparison.ended", admin)]
    assert [message.event for message in rows(either, WebhookDelivery)] == ["comparison.finished"]
    assert look(either) is None, "clicks that would have decided it decide nothing any more"
    assert click_settings.change(either, admin, {"compare_live": False}) is None


def test_any_other_setting_leaves_it_under_way(session: Session) -> None:
    comparison, admin = factories.comparison(session), factories.user(session).id
    assert click_settings.change(session, admin, {"compare_live": True, "prove_first": True}) is None
    assert click_settings.change(session, admin, {"learn_at_once": False}) is None
    assert live_comparison.running(session) is comparison
    assert studio_settings.settings(session).prove_first


def test_what_is_refused_ends_nothing(session: Session) -> None:
    comparison, admin = factories.comparison(session), factories.user(session).id
    with pytest.raises(Invalid):
        click_settings.change(session, admin, {"compare_live": False, "least_seconds": -1})
    assert live_comparison.running(session) is comparison
    assert studio_settings.settings(session).compare_live
