"""The API of one's own desk, and of the guidelines."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.services.prompts import studio_settings
from tests import factories
from tests.studio import Person


def test_one_learns_who_one_is_and_what_one_has_done(session: Session, annotator: Person) -> None:
    factories.judgment(session, factories.generation(session, annotator.id), seconds=6.0)
    me = annotator.call("GET", "/me").get_json()
    assert (me["id"], me["email"], me["role"]) == (annotator.id, annotator.email, "annotator")
    assert me["settings"] == {
        "blur": None,
        "diff": False,
        "toured": False,
        "warned": False,
        "text_size": "normal",
        "width": "normal",
        "font": "usual",
        "time_zone": "UTC",
        "theme": "system",
        "language": "",
    }
    assert me["today"] == {"judged": 1, "seconds": 6.0, "per_minute": 10.0}
    assert (me["sitting"], me["streak_days"]) == ({"judged": 1, "minutes": 0}, 1)


def test_a_setting_is_changed_and_the_others_stay(annotator: Person) -> None:
    annotator.call("PATCH", "/me", json={"settings": {"toured": True}})
    answer = annotator.call("PATCH", "/me", json={"settings": {"blur": True}})
    assert answer.status_code == 200
    settings = annotator.call("GET", "/me").get_json()["settings"]
    assert answer.get_json()["settings"] == settings
    assert (settings["toured"], settings["blur"]) == (True, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"settings": {"speed": 1}}, 422),
        ({"settings": []}, 422),
        ({}, 422),
        ({"settings": {}, "role": "admin"}, 422),
        ([], 400),
    ],
)
def test_what_cannot_be_changed_is_refused(annotator: Person, body: object, status: int) -> None:
    answer = annotator.call("PATCH", "/me", json=body)
    assert answer.status_code == status
    assert answer.get_json()["detail"].endswith(".")
    assert annotator.call("GET", "/me").get_json()["role"] == "annotator"


def test_everybody_reads_the_guidelines_as_they_are_now(session: Session, annotator: Person, admin: Person) -> None:
    studio_settings.change(session, admin.id, {"guidelines": "**Be kind.** <script>"})
    assert annotator.call("GET", "/guidelines").get_json() == {
        "markdown": "**Be kind.** <script>",
        "html": "<p><strong>Be kind.</strong> &lt;script&gt;</p>\n",
    }


def test_a_preview_stores_nothing_and_is_for_admins(session: Session, annotator: Person, admin: Person) -> None:
    answer = admin.post("/guidelines/preview", {"markdown": "*new*"})
    assert answer.get_json()["html"] == "<p><em>new</em></p>\n"
    assert studio_settings.settings(session) == studio_settings.StudioSettings()
    assert annotator.post("/guidelines/preview", {"markdown": "*new*"}).status_code == 403
    for wrong in ({"markdown": 1}, {}, {"markdown": "x" * 20_001}):
        assert admin.post("/guidelines/preview", wrong).status_code == 422
