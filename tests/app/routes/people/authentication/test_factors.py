"""The second factor as a browser meets it: set up, asked for, lost, and demanded of admins."""

from __future__ import annotations

import dataclasses
import html
import re

import pyotp
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent, SecondFactor, User, write_transaction
from app.routes.people.authentication.entering import GOOD_FOR_SECONDS
from app.runtime.throttle import MOST_FAILURES, WAIT_SECONDS
from app.services.people.authentication import second_factor
from app.services.prompts import studio_settings
from tests import factories
from tests.app.routes.people.authentication.authenticator import PAGE, next_code, recovery_codes, set_up
from tests.studio import Browser, Person, parts, rows


def password_given(person: Person, wanted: str = "") -> Browser:
    """A browser in which the password was right, and the second factor is still to come."""
    browser = Browser(person.app.test_client())
    form = {"email": person.email, "password": factories.PASSWORD}
    answer = browser.submit(f"/sign-in?next={wanted}", form)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/code")
    return browser


def test_signing_in_takes_the_password_and_then_a_code(annotator: Person) -> None:
    app, codes = set_up(annotator.browser())
    assert len(codes) == 10
    browser = password_given(annotator, "/work")
    assert browser.get("/annotate").status_code == 302, "the password alone opens nothing"
    assert browser.get("/api/v1/me").status_code == 401
    wrong = browser.submit("/sign-in/code", {"code": "000000x"}, page="/sign-in/code")
    assert (wrong.status_code, "That code is wrong or was used already." in wrong.text) == (403, True)
    answer = browser.submit("/sign-in/code", {"code": next_code(app)}, page="/sign-in/code")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/work")
    assert browser.get("/work").status_code == 200


def test_the_code_that_switched_it_on_does_not_sign_in(annotator: Person) -> None:
    browser = annotator.browser()
    page = browser.submit(PAGE, {}, page=PAGE, follow_redirects=True).text
    assert '<img data-qr src="data:image/svg+xml' in page
    app = pyotp.TOTP(re.findall(r"data-secret>(\w+)<", page)[0])
    code = app.now()
    browser.submit(f"{PAGE}/confirm", {"code": code}, page=PAGE)
    answer = password_given(annotator).submit("/sign-in/code", {"code": code}, page="/sign-in/code")
    assert answer.status_code == 403


def test_a_code_is_of_no_use_in_a_browser_where_no_password_was_given(app: Flask, annotator: Person) -> None:
    phone, _ = set_up(annotator.browser())
    stranger = Browser(app.test_client())
    assert stranger.get("/sign-in/code").headers["Location"] == "/sign-in"
    answer = stranger.submit("/sign-in/code", {"code": next_code(phone)})
    assert answer.headers["Location"] == "/sign-in"
    assert "That took too long: sign in again." in stranger.get("/sign-in").text


def test_a_password_is_good_for_minutes_until_the_code_comes(
    annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(annotator.browser())
    monkeypatch.setattr("app.routes.people.authentication.entering.GOOD_FOR_SECONDS", 0)
    browser = password_given(annotator)
    assert browser.get("/sign-in/code").headers["Location"] == "/sign-in"
    assert GOOD_FOR_SECONDS <= 600


def test_what_the_cookie_holds_halfway_cannot_be_made_up(app: Flask, annotator: Person) -> None:
    set_up(annotator.browser())
    browser = password_given(annotator)
    cookie = browser.client.get_cookie("mellow_session")
    assert cookie is not None
    browser.client.set_cookie("mellow_session", f"{cookie.value[:-2]}xx")
    assert browser.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_someone_who_is_deactivated_halfway_does_not_come_in(session: Session, annotator: Person) -> None:
    set_up(annotator.browser())
    browser = password_given(annotator)
    with write_transaction(session):
        session.get_one(User, annotator.id).active = False
    assert browser.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_codes_cannot_be_guessed(annotator: Person) -> None:
    phone, _ = set_up(annotator.browser())
    browser = password_given(annotator)
    for _ in range(MOST_FAILURES):
        browser.submit("/sign-in/code", {"code": "abcdef"}, page="/sign-in/code")
    answer = browser.submit("/sign-in/code", {"code": next_code(phone)}, page="/sign-in/code")
    assert (answer.status_code, "Too many wrong passwords or codes: try again in" in answer.text) == (429, True)
    assert 0 < int(answer.headers["Retry-After"]) <= WAIT_SECONDS


def test_after_signing_in_nobody_is_led_to_another_site(annotator: Person) -> None:
    phone, _ = set_up(annotator.browser())
    browser = password_given(annotator, "https://elsewhere.example.org/")
    answer = browser.submit("/sign-in/code", {"code": next_code(phone)}, page="/sign-in/code")
    assert answer.headers["Location"] == "/"


def test_a_recovery_code_signs_in_and_says_how_many_are_left(annotator: Person) -> None:
    _, codes = set_up(annotator.browser())
    browser = password_given(annotator)
    page = browser.submit("/sign-in/code", {"code": codes[0]}, page="/sign-in/code", follow_redirects=True)
    assert "That recovery code is used up; 9 of 10 are left." in page.text
    again = password_given(annotator).submit("/sign-in/code", {"code": codes[0]}, page="/sign-in/code")
    assert again.status_code == 403


def test_recovery_codes_are_shown_once_and_made_anew_for_a_password_or_a_code(annotator: Person) -> None:
    browser = annotator.browser()
    phone, codes = set_up(browser)
    assert codes[0] not in browser.get(PAGE).text
    wrong = browser.submit(f"{PAGE}/codes", {"proof": "not it"}, page=PAGE)
    assert (wrong.status_code, "neither your password nor a code" in wrong.text) == (403, True)
    for proof in (factories.PASSWORD, next_code(phone)):
        page = browser.submit(f"{PAGE}/codes", {"proof": proof}, page=PAGE, follow_redirects=True).text
        new = recovery_codes(page)
        assert len(set(new)) == 10
        assert set(new).isdisjoint(codes)


def test_switching_it_off_takes_the_password_or_a_code(session: Session, annotator: Person) -> None:
    browser = annotator.browser()
    set_up(browser)
    assert browser.submit(f"{PAGE}/remove", {"proof": "not it"}, page=PAGE).status_code == 403
    page = browser.submit(f"{PAGE}/remove", {"proof": factories.PASSWORD}, page=PAGE, follow_redirects=True)
    assert "The second factor is off, and its recovery codes are gone." in page.text
    assert rows(session, SecondFactor) == []
    assert annotator.browser().get("/annotate").status_code == 200


def test_a_changed_secret_key_is_told_and_a_recovery_code_still_signs_in(app: Flask, annotator: Person) -> None:
    _, codes = set_up(annotator.browser())
    changed = dataclasses.replace(parts(app).settings, secret_key="another key of thirty-two characters")
    app.extensions["mellow"] = dataclasses.replace(parts(app), settings=changed)
    browser = password_given(annotator)
    answer = browser.submit("/sign-in/code", {"code": "123456"}, page="/sign-in/code")
    assert (answer.status_code, "SECRET_KEY has changed" in html.unescape(answer.text)) == (409, True)
    assert browser.submit("/sign-in/code", {"code": codes[0]}, page="/sign-in/code").status_code == 302


def test_an_admin_removes_the_factor_of_somebody_who_lost_it(
    session: Session, admin: Person, annotator: Person
) -> None:
    set_up(annotator.browser())
    browser, person = admin.browser(), f"/admin/people/{annotator.id}"
    assert "Remove second factor" in browser.get(person).text
    page = browser.submit(f"{person}/second-factor/remove", {}, follow_redirects=True).text
    assert "signs in without a second factor from now on." in page
    assert "Remove second factor" not in page
    event = rows(session, AuditEvent)[-1]
    assert (event.action, event.user_id) == ("second_factor.removed", admin.id)
    assert annotator.browser().get("/annotate").status_code == 200


def test_an_admin_who_must_have_one_sets_it_up_before_anything_else(app: Flask, admin: Person) -> None:
    browser = admin.browser()
    browser.submit("/admin/people/second-factor", {"required": "yes"}, page="/admin/people")
    for path in ("/annotate", "/admin/people", "/account"):
        assert browser.get(path).headers["Location"] == PAGE
    page = browser.get(PAGE)
    assert "This studio requires a second factor from every admin" in page.text
    by_cookie = browser.get("/api/v1/me")
    assert (by_cookie.status_code, "second factor" in by_cookie.text) == (403, True)
    assert browser.submit("/account/token", {}, page=PAGE).headers["Location"] == PAGE
    assert admin.call("GET", "/me").status_code == 200, "API tokens go on working"
    set_up(browser)
    assert browser.get("/admin/people").status_code == 200
    assert browser.submit("/admin/people/second-factor", {"required": "no"}, page="/admin/people").status_code == 302


def test_a_password_that_somebody_else_typed_is_changed_before_the_factor_is_set_up(
    session: Session, admin: Person
) -> None:
    studio_settings.change(session, admin.id, {second_factor.REQUIRED: True})
    with write_transaction(session):
        session.get_one(User, admin.id).must_change_password = True
    browser = admin.browser()
    for path in ("/annotate", PAGE):
        assert browser.get(path).headers["Location"] == "/account"
    page = browser.get("/account")
    assert (page.status_code, "Choose your own password" in page.text) == (200, True)
    form = {"old": factories.PASSWORD, "new": "nine quiet otters", "again": "nine quiet otters"}
    assert browser.submit("/account/password", form, page="/account").status_code == 302
    assert browser.get("/annotate").headers["Location"] == PAGE


def test_each_wrong_code_is_noted_and_so_is_who_came_in(session: Session, annotator: Person) -> None:
    phone, codes = set_up(annotator.browser())
    before = len(rows(session, AuditEvent))
    for code in ("000000x", next_code(phone)):
        browser = password_given(annotator)
        browser.submit("/sign-in/code", {"code": code}, page="/sign-in/code")
    password_given(annotator).submit("/sign-in/code", {"code": codes[0]}, page="/sign-in/code")
    noted = rows(session, AuditEvent)[before:]
    assert [event.action for event in noted] == [
        "sign_in.refused",
        "user.signed_in",
        "recovery_code.used",
        "user.signed_in",
    ]
    assert noted[0].details == {"reason": "wrong code", "address": "127.0.0.1"}


def test_the_studio_asks_no_annotator_for_one(session: Session, admin: Person, annotator: Person) -> None:
    studio_settings.change(session, admin.id, {second_factor.REQUIRED: True})
    assert annotator.browser().get("/annotate").status_code == 200


def test_setting_up_twice_keeps_what_is_on(annotator: Person) -> None:
    browser = annotator.browser()
    phone, _ = set_up(browser)
    page = browser.submit(PAGE, {}, page=PAGE, follow_redirects=True).text
    assert "A second factor is on already" in page
    answer = password_given(annotator).submit("/sign-in/code", {"code": next_code(phone)}, page="/sign-in/code")
    assert answer.status_code == 302
