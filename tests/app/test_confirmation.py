"""What takes the password once more, and how it then goes on."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import ApiToken, Invitation, PasswordReset, SecondFactor, SignInSession, User, now
from app.entrance.endpoints import TAKES_PASSWORD, TAKES_PASSWORD_FOR_ADMINS
from app.runtime.throttle import MOST_FAILURES
from tests import factories
from tests.app.routes.people.authentication.authenticator import PAGE, set_up
from tests.studio import Browser, Person, rows

ASKED = "Confirm your password"
TOKEN = {"token_name": "a script", "scopes": "read", "days": "30", "form_key": "0" * 32}


@pytest.fixture
def browser(session: Session, admin: Person) -> Browser:
    """A browser in which an admin signed in a quarter of an hour ago."""
    made = admin.browser()
    wait(session)
    return made


def wait(session: Session) -> None:
    for one in rows(session, SignInSession):
        one.confirmed_at = now() - timedelta(minutes=15)
    session.commit()


def role_of(session: Session, person: Person) -> str:
    session.rollback()  # let go of an older snapshot
    return str(session.get_one(User, person.id).role)


def test_it_is_exactly_this_that_takes_the_password() -> None:
    factors = {"factors.draw", "factors.remove", "factors.require"}
    deletions = {"personal_data.delete", "personal_data.delete_imported"}
    pages = {"auth.new_token", "people.set_role", "person_access.make_reset_link"} | factors | deletions
    assert pages | {"api_tokens.make_token"} == TAKES_PASSWORD
    assert {"people.add_person", "people.invite"} == TAKES_PASSWORD_FOR_ADMINS


def test_a_role_is_changed_once_the_password_was_given_and_the_form_is_not_typed_again(
    session: Session, browser: Browser, annotator: Person
) -> None:
    path = f"/admin/people/{annotator.id}/role"
    page = browser.submit(path, {"role": "admin"})
    assert (page.status_code, ASKED in page.text) == (200, True)
    assert role_of(session, annotator) == "annotator"
    assert f'action="{path}"' in page.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    assert {name: value for name, value in fields.items() if name != "csrf_token"} == {"role": "admin"}
    wrong = browser.submit(path, {"role": "admin", "present_password": "not it"})
    assert (wrong.status_code, "The password is wrong." in wrong.text) == (403, True)
    assert 'name="role" value="admin"' in wrong.text
    assert "not it" not in wrong.text
    assert role_of(session, annotator) == "annotator"
    assert browser.submit(path, {"role": "admin", "present_password": factories.PASSWORD}).status_code == 302
    assert role_of(session, annotator) == "admin"
    browser.submit(path, {"role": "annotator"})
    assert role_of(session, annotator) == "annotator", "it is not asked for again so soon"


def test_an_api_token_and_a_reset_link_take_the_password(session: Session, browser: Browser, annotator: Person) -> None:
    before = len(rows(session, ApiToken))
    assert ASKED in browser.submit("/account/token", TOKEN).text
    assert ASKED in browser.submit(f"/admin/people/{annotator.id}/resets", {}).text
    assert rows(session, PasswordReset) == []
    body = {"name": "a script", "scopes": ["read"], "days": 30}
    headers = {"X-CSRFToken": browser.csrf_token("/account")}
    refused = browser.client.post("/api/v1/tokens", json=body, headers=headers)
    assert (refused.status_code, "Give your password first" in refused.text) == (403, True)
    assert len(rows(session, ApiToken)) == before
    assert "data-token" in browser.submit("/account/token", TOKEN | {"present_password": factories.PASSWORD}).text


def test_deleting_a_person_takes_the_password(session: Session, browser: Browser, annotator: Person) -> None:
    path, form = f"/admin/people/{annotator.id}/delete", {"confirm": annotator.email, "judgments": "delete"}
    asked = browser.submit(path, form)
    assert ASKED in asked.text
    assert ASKED in browser.submit("/admin/people/imported", {"name": "Ada", "confirm": "Ada"}).text
    session.rollback()
    assert session.get_one(User, annotator.id).deleted_at is None
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', asked.text))
    assert {name: value for name, value in fields.items() if name != "csrf_token"} == form
    browser.submit(path, form | {"present_password": factories.PASSWORD})
    session.rollback()
    assert session.get_one(User, annotator.id).deleted_at is not None


def test_making_an_admin_in_another_way_takes_the_password_and_making_an_annotator_does_not(
    session: Session, browser: Browser
) -> None:
    form = {"email": "grace@example.org", "password": "a calm password", "name": "<b>&", "role": "admin"}
    asked = browser.submit("/admin/people", form)
    assert ASKED in asked.text
    assert html.escape('value="<b>&"', quote=False) in asked.text
    assert ASKED in browser.submit("/admin/people/invitations", {"role": "admin", "days": "1"}).text
    assert (len(rows(session, User)), rows(session, Invitation)) == (1, [])
    browser.submit("/admin/people/invitations", {"role": "annotator", "days": "1", "form_key": "1" * 32})
    browser.submit("/admin/people", form | {"role": "annotator"})
    assert (len(rows(session, User)), len(rows(session, Invitation))) == (2, 1)


def test_signing_in_counts_as_giving_the_password(admin: Person) -> None:
    assert admin.browser().submit("/account/token", TOKEN).status_code == 201


def test_the_password_of_somebody_else_or_of_another_session_does_not_count(
    app: Flask, session: Session, browser: Browser, admin: Person, annotator: Person
) -> None:
    session.get_one(User, annotator.id).password_hash = factories.HASHER.hash("nine quiet otters")
    session.commit()
    admin.browser()
    path = f"/admin/people/{annotator.id}/role"
    assert browser.submit(path, {"role": "admin", "present_password": "nine quiet otters"}).status_code == 403
    assert ASKED in browser.submit(path, {"role": "admin"}).text


def test_second_factors_are_set_up_taken_away_and_asked_for_once_the_password_was_given(
    session: Session, browser: Browser, annotator: Person
) -> None:
    set_up(annotator.browser())
    draw, away, ask = PAGE, f"/admin/people/{annotator.id}/second-factor/remove", "/admin/people/second-factor"
    for path in (draw, away, ask):
        assert ASKED in browser.submit(path, {"required": "yes"}, page=PAGE).text
    assert [factor.user_id for factor in rows(session, SecondFactor)] == [annotator.id]
    for path in (away, draw, ask):
        form = {"required": "yes", "present_password": factories.PASSWORD}
        assert browser.submit(path, form, page=PAGE).status_code == 302
    assert [factor.enabled_at for factor in rows(session, SecondFactor)] == [None], "only the drawn one is left"


def test_who_has_no_password_is_told_to_sign_in_again(session: Session, browser: Browser, admin: Person) -> None:
    session.get_one(User, admin.id).password_hash = ""
    session.commit()
    asked = browser.submit("/account/token", TOKEN)
    assert "Sign in again to continue" in asked.text
    assert 'action="/sign-out"' in asked.text
    assert ASKED not in asked.text
    guessed = browser.submit("/account/token", TOKEN | {"present_password": ""})
    assert (guessed.status_code, "Sign in again to continue" in guessed.text) == (403, True)


def test_it_cannot_be_guessed(session: Session, browser: Browser) -> None:
    wrong = [
        browser.submit("/account/token", TOKEN | {"present_password": str(number)}) for number in range(MOST_FAILURES)
    ]
    assert {answer.status_code for answer in wrong} == {403}
    answer = browser.submit("/account/token", TOKEN | {"present_password": factories.PASSWORD})
    assert (answer.status_code, "Too many wrong passwords" in answer.text) == (429, True)


def test_an_annotator_is_not_even_asked_for_what_only_admins_may(session: Session, annotator: Person) -> None:
    browser = annotator.browser()
    wait(session)
    assert browser.submit(f"/admin/people/{annotator.id}/role", {"role": "admin"}).status_code == 403
