"""Setting a new password by a link, as a browser meets it."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.services.people import password_resets
from tests import factories
from tests.studio import Browser, Person

NEW = {"new": "nine quiet otters", "again": "nine quiet otters"}


@pytest.fixture
def link(session: Session, admin: Person, annotator: Person) -> str:
    """The path of a reset link for the annotator."""
    return f"/reset/{password_resets.make(session, admin.id, annotator.id)[1]}"


def test_whoever_opens_the_link_sets_a_password_and_then_signs_in_with_it(
    app: Flask, annotator: Person, link: str
) -> None:
    signed_in, browser = annotator.browser(), Browser(app.test_client())
    assert f"For {annotator.email}." in browser.get(link).text
    for form, sentence in (
        (NEW | {"again": "other"}, "The new password and its repetition differ."),
        ({"new": "short", "again": "short"}, "The password needs at least 8 characters."),
    ):
        answer = browser.submit(link, form, page=link)
        assert (answer.status_code, sentence in answer.text) == (422, True)
    done = browser.submit(link, NEW, page=link, follow_redirects=True)
    assert (done.request.path, "Your new password is set: sign in with it." in done.text) == ("/sign-in", True)
    assert signed_in.get("/annotate").status_code == 302
    for password, status in ((factories.PASSWORD, 403), (NEW["new"], 302)):
        form = {"email": annotator.email, "password": password}
        assert Browser(app.test_client()).submit("/sign-in", form).status_code == status
    again = Browser(app.test_client()).get(link)
    assert (again.status_code, "was used already" in again.text) == (404, True)


def test_someone_who_is_signed_in_sets_nothing_by_accident(app: Flask, admin: Person, link: str) -> None:
    browser = admin.browser()
    assert f"You are signed in as {admin.email}." in browser.get(link).text
    browser.submit(link, NEW, page=link)
    assert Browser(app.test_client()).get(link).status_code == 200, "the link is still good"


def test_setting_it_needs_the_csrf_token(app: Flask, link: str) -> None:
    assert app.test_client().post(link, data=NEW).status_code == 400
