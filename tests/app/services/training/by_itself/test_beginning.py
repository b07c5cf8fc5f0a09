"""A run that is due is requested by nobody, once, and audited."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, RunStatus, TrainingRun
from app.domain_errors import Conflict
from app.services.prompts import studio_settings
from app.services.training import runs
from app.services.training.by_itself import rule
from app.services.training.by_itself.beginning import begin
from app.services.training.runs import Occasion
from tests import factories
from tests.studio import rows

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def due(session: Session) -> None:
    """Two clicks, after which a run is due."""
    factories.version(session)
    factories.serving(session)
    person = factories.user(session).id
    studio_settings.change(session, person, {"retrain_by_itself": True, "retrain_after_clicks": 2})
    for _ in range(2):
        factories.judgment(session, factories.generation(session, person))


def test_a_run_begins_by_itself_on_all_clicks_and_is_audited(session: Session, due: None) -> None:
    run = begin(session, NOON)
    assert run is not None
    assert (run.method, run.config, run.selection, run.parent_version) == ("dpo", {}, {}, None)
    assert run.requested_by is None
    assert run.occasion == "Mellow began this run by itself, because of 2 new clicks."
    (event,) = (event for event in rows(session, AuditEvent) if event.action == "run.requested")
    assert (event.user_id, event.details["occasion"]) == (None, run.occasion)


def test_another_look_begins_no_second_one(session: Session, due: None) -> None:
    assert begin(session, NOON) is not None
    assert begin(session, NOON) is None
    assert len(rows(session, TrainingRun)) == 1


def test_what_was_decided_before_another_run_was_requested_is_refused(session: Session, due: None) -> None:
    """Another process began one, which has ended already."""
    found = rule.outlook(session, NOON)
    assert found is not None
    assert found.occasion is not None
    factories.run(session, RunStatus.CANCELLED, occasion="by itself")
    with pytest.raises(Conflict, match=r"^Another run was requested meanwhile\.$"):
        runs.request(session, None, "dpo", {}, occasion=found.occasion)


def test_where_an_equal_run_waits_already_none_is_added(session: Session, due: None) -> None:
    asked, _ = runs.request(session, None, "dpo", {})
    run, is_new = runs.request(session, None, "dpo", {}, occasion=Occasion("by itself", 0))
    assert (run.id, is_new, run.occasion) == (asked.id, False, None)


def test_before_anything_is_clicked_nothing_begins(session: Session) -> None:
    assert begin(session, NOON) is None
