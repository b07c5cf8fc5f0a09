"""What begins a live comparison, and what ends one that the clicks have not decided."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import AuditEvent, LiveComparison, WebhookDelivery, write_transaction
from app.domain_errors import Conflict, NotFound
from app.services.system import webhooks
from app.services.versions import live_comparison, versions
from models.sequential import THRESHOLDS
from tests import factories
from tests.studio import Person, parts, rows


def begin(session: Session, *, old: int = 1, new: int = 2, serving: int = 2) -> LiveComparison:
    with write_transaction(session):
        return live_comparison.begin(session, old=old, new=new, serving=serving)


def three_versions(session: Session, *, serving: int = 2) -> None:
    for number in (1, 2, 3):
        factories.version(session, number)
    factories.serving(session, serving)


def test_a_comparison_begins_with_what_decides_it_and_is_audited(session: Session) -> None:
    three_versions(session)
    found = begin(session)
    assert live_comparison.running(session) is found
    assert (found.old_number, found.new_number, found.serving_number, found.other_number) == (1, 2, 2, 1)
    assert (found.threshold_new, found.threshold_old) == (THRESHOLDS.new, THRESHOLDS.old)
    assert found.most_clicks == live_comparison.MOST_CLICKS
    (event,) = rows(session, AuditEvent)
    assert (event.action, event.subject, event.user_id) == ("comparison.started", f"comparison {found.id}", None)
    assert event.details == {"old": 1, "new": 2, "serving": 2}


def test_a_third_version_ends_it_and_begins_the_next_one(either: Session) -> None:
    three_versions(either)
    first, second = begin(either), begin(either, old=2, new=3, serving=3)
    assert (first.state, first.outcome, first.reason) == ("ended", None, "Version 3 was published meanwhile.")
    assert first.ended_at is not None
    assert live_comparison.running(either) is second
    assert live_comparison.history(either) == [second, first]
    assert live_comparison.latest(either) is second
    assert live_comparison.latest(either, 1) is first
    assert live_comparison.latest(either, 9) is None


def test_two_cannot_run_at_once(either: Session) -> None:
    factories.comparison(either)
    with pytest.raises(IntegrityError):
        factories.comparison(either)


@pytest.mark.parametrize("number", [1, 3])
def test_a_version_that_a_person_lets_serve_ends_it(session: Session, admin: Person, number: int) -> None:
    three_versions(session)
    found = begin(session)
    webhooks.add(session, admin.id, "https://example.org/", ["comparison.finished"])
    assert not versions.promote(session, 2, admin.id), "what serves already changes nothing"
    assert live_comparison.running(session) is found
    versions.promote(session, number, admin.id)
    assert live_comparison.running(session) is None
    reason = f"Version {number} was made live by hand."
    assert (found.state, found.outcome, found.reason, found.clicks) == ("ended", None, reason, 0)
    last = rows(session, AuditEvent)[-1]
    assert (last.action, last.user_id, last.details["reason"]) == ("comparison.ended", admin.id, reason)
    (message,) = rows(session, WebhookDelivery)
    assert message.payload["data"] == {
        "id": found.id,
        "old": 1,
        "new": 2,
        "state": "ended",
        "outcome": None,
        "clicks": 0,
        "reason": reason,
        "by": admin.id,
    }


def test_ended_by_hand_what_serves_stays(session: Session, admin: Person) -> None:
    found = factories.comparison(session)
    stopped = live_comparison.stop(session, found.id, admin.id, "Enough of it.")
    assert (stopped.state, stopped.reason) == ("ended", "Enough of it.")
    assert versions.serving_number(session) == 2
    with pytest.raises(Conflict, match=rf"^Comparison {found.id} has ended already\.$"):
        live_comparison.stop(session, found.id, admin.id, "Again.")
    with pytest.raises(NotFound, match=r"^There is no comparison 99\.$"):
        live_comparison.stop(session, 99, admin.id, "Nothing.")


def test_neither_of_its_versions_can_be_deleted_until_it_has_ended(app: Flask, session: Session, admin: Person) -> None:
    found = factories.comparison(session)
    store = parts(app).store
    with pytest.raises(Conflict, match=r"^Version 1 takes part in a live comparison: end that before you delete it\.$"):
        versions.delete(session, store, admin.id, 1, "1")
    live_comparison.stop(session, found.id, admin.id, "Enough of it.")
    versions.delete(session, store, admin.id, 1, "1")
    assert versions.get(session, 1).deleted_at is not None
