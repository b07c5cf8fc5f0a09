"""How one person likes their desk."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.domain_errors import Invalid, NotFound
from app.services.desk import settings
from app.services.desk.settings import DeskSettings
from tests import factories
from tests.studio import Person


def test_what_was_never_decided_has_its_default(session: Session, annotator: Person) -> None:
    assert settings.read(session, annotator.id) == DeskSettings()
    assert not DeskSettings().toured


def test_a_change_leaves_the_rest_and_other_people_alone(session: Session, annotator: Person) -> None:
    other = factories.user(session)
    settings.change(session, annotator.id, {"toured": True})
    changed = settings.change(session, annotator.id, {"blur": False, "time_zone": "Asia/Kolkata"})
    assert changed == DeskSettings(blur=False, toured=True, time_zone="Asia/Kolkata")
    assert settings.read(session, annotator.id) == changed
    assert settings.of(other) == DeskSettings()
    assert settings.change(session, annotator.id, {"blur": None}).blur is None
    looks = {"text_size": "larger", "width": "narrow", "font": "distinct"}
    assert settings.change(session, annotator.id, looks) == DeskSettings(
        toured=True, time_zone="Asia/Kolkata", text_size="larger", width="narrow", font="distinct"
    )


@pytest.mark.parametrize(
    "values",
    [
        {"blur": 1},
        {"diff": None},
        {"warned": "yes"},
        {"text_size": "huge"},
        {"width": 3},
        {"font": None},
        {"speed": True},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "Europe"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
        {"time_zone": None},
        {"time_zone": "x" * 4000},
        {"theme": "pink"},
    ],
)
def test_a_setting_that_makes_no_sense_changes_nothing(
    session: Session, annotator: Person, values: dict[str, object]
) -> None:
    with pytest.raises(Invalid):
        settings.change(session, annotator.id, {"toured": True, **values})
    assert settings.read(session, annotator.id) == DeskSettings()


def test_nobody_has_no_settings(session: Session) -> None:
    with pytest.raises(NotFound, match=r"^There is no user 4711\.$"):
        settings.read(session, 4711)


@pytest.mark.parametrize(("own", "studio", "hidden"), [(None, True, True), (None, False, False), (False, True, False)])
def test_ones_own_wish_goes_before_the_studio(own: bool | None, studio: bool, hidden: bool) -> None:
    assert DeskSettings(blur=own).hides_texts(studio) is hidden


def test_a_zone_that_this_machine_has_forgotten_is_utc() -> None:
    assert DeskSettings(time_zone="Mars/Olympus").zone.key == "UTC"
