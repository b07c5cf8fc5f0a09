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
    ("values", "refusal"),
    [
        ({"overlap": 0}, "overlap must be a whole number from 1 to 20."),
        ({"overlap": True}, "overlap must be a whole number from 1 to 20."),
        ({"gold_every": -1}, "gold_every must be a whole number from 0 to 1000."),
        ({"blur": 1}, "blur must be true or false."),
        ({"guidelines": "x" * 20_001}, "The guidelines must be a text of at most 20000 characters."),
        ({"guidelines": "a\x00b"}, "The guidelines must be a text of at most 20000 characters."),
        ({"speed": 1}, "There is no setting 'speed'."),
        ({"retrain_when": "now"}, "retrain_when must be one of clicks, forecast, either, both."),
        ({"retrain_above": 49}, "retrain_above must be a whole number from 50 to 99."),
        ({"weigh_people": 1}, "weigh_people must be true or false."),
        ({"least_seconds": -0.1}, "least_seconds must be a number from 0 to 10."),
        ({"least_seconds": 10.5}, "least_seconds must be a number from 0 to 10."),
        ({"least_seconds": True}, "least_seconds must be a number from 0 to 10."),
        ({"least_seconds": "1"}, "least_seconds must be a number from 0 to 10."),
    ],
)
def test_a_setting_that_makes_no_sense_changes_nothing(
    session: Session, values: dict[str, object], refusal: str
) -> None:
    admin = factories.user(session).id
    with pytest.raises(Invalid) as refused:
        studio_settings.change(session, admin, {"break_minutes": 5, **values})
    assert str(refused.value) == refusal
    assert studio_settings.settings(session) == studio_settings.StudioSettings()
