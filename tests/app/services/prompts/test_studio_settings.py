"""The settings of the whole studio: defaults, changes, refusals."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import AuditEvent
from app.domain_errors import Invalid
from app.services.prompts import studio_settings
from tests import factories


def test_what_was_never_decided_has_its_default(session: Session) -> None:
    assert studio_settings.settings(session) == studio_settings.StudioSettings()


def test_a_change_is_kept_and_recorded(session: Session) -> None:
    admin = factories.user(session).id
    changed = studio_settings.change(session, admin, {"overlap": 3, "guidelines": "Be kind.", "blur": True})
    assert (changed.overlap, changed.guidelines, changed.blur) == (3, "Be kind.", True)
    assert studio_settings.settings(session) == changed
    assert studio_settings.change(session, admin, {"overlap": 2}).guidelines == "Be kind."
    events = session.scalars(select(AuditEvent).where(AuditEvent.action == "studio.changed")).all()
    assert [event.details["settings"] for event in events] == [["blur", "guidelines", "overlap"], ["overlap"]]


@pytest.mark.parametrize(
    "values",
    [
        {"overlap": 0},
        {"overlap": True},
        {"gold_every": -1},
        {"blur": 1},
        {"guidelines": "x" * 20_001},
        {"speed": 1},
        {"retrain_when": "now"},
        {"retrain_above": 49},
        {"weigh_people": 1},
        {"least_seconds": -0.1},
        {"least_seconds": 10.5},
        {"least_seconds": True},
        {"least_seconds": "1"},
    ],
)
def test_a_setting_that_makes_no_sense_changes_nothing(session: Session, values: dict[str, object]) -> None:
    admin = factories.user(session).id
    with pytest.raises(Invalid):
        studio_settings.change(session, admin, {"break_minutes": 5, **values})
    assert studio_settings.settings(session) == studio_settings.StudioSettings()
