"""Signing in and out, the first admin, and one's own account, as a browser meets them."""

from __future__ import annotations

import re
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import ApiToken, AuditEvent, SignInSession, User, now
from app.routes.people import form_key
from app.services.people import api_tokens, invitations
from app.services.people.authentication import common_key
from tests import factories
from tests.studio import Browser, Person, parts, rows

ADA = {"email": "ada@example.org", "password": "a calm password"}


@pytest.fixture
def setup_token(app: Flask) -> str:
    """The token, as it is printed at start."""
    return common_key.setup_token(parts(app).settings.secret_key)


def session_cookie(answer: TestResponse) -> SimpleCookie:
    (header,) = (value for value in answer.headers.getlist("Set-Cookie") if "mellow_session" in value)
    return SimpleCookie(header)


def test_the_printed_link_creates_the_first_admin_and_signs_them_in(
    app: Flask, session: Session, setup_token: str
) -> None:
    browser = Browser(app.test_client())
    page = browser.get(f"/setup?token={setup_token}")
    assert page.status_code == 200
    assert f'name="token" value="{setup_token}"' in page.text
    answer = browser.submit("/setup", {**ADA, "token": setup_token}, page="/setup")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    (user,) = rows(session, User)
    assert (user.email, user.role) == ("ada@example.org", "admin")
    assert browser.get("/admin").status_code == 200


def test_the_setup_page_works_once(app: Flask, setup_token: str) -> None:
    Browser(app.test_client()).submit("/setup", {**ADA, "token": setup_token}, page="/setup")
    late = Browser(app.test_client())
    assert late.get(f"/setup?token={setup_token}").status_code == 404
    assert late.submit("/setup", {**ADA, "token": setup_token}).status_code == 404


@pytest.mark.parametrize("token", ["", "guess", "ünïcode"])
def test_without_the_printed_token_nobody_is_created(
    app: Flask, session: Session, setup_token: str, token: str
) -> None:
    answer = Browser(app.test_client()).submit("/setup", {**ADA, "token": token}, page="/setup")
    assert answer.status_code == 422
    assert "That setup link is not the one printed at start." in answer.text
    assert rows(session, User) == []


def test_a_mistake_on_the_setup_page_is_told_and_what_was_typed_is_kept(app: Flask, setup_token: str) -> None:
    form = {"email": "ada@example.org", "password": "short", "token": setup_token}
    answer = Browser(app.test_client()).submit("/setup", form, page="/setup")
    assert answer.status_code == 422
    assert "The password needs at least 8 characters." in answer.text
    assert 'value="ada@example.org"' in answer.text
    assert "short" not in answer.text


def test_a_wrong_password_and_an_unknown_email_are_told_alike(app: Flask, annotator: Person) -> None:
    pages = []
    for email in (annotator.email, "nobody@example.org"):
        answer = Browser(app.test_client()).submit("/sign-in", {"email": email, "password": "wrong"})
        assert answer.status_code == 403
        pages.append(re.sub(r'csrf[^>]*>|value="[^"]*"', "", answer.text))
    assert pages[0] == pages[1]
    assert "The email or the password is wrong." in pages[0]


@pytest.mark.parametrize("email", ["\x00", "ada\x00@example.org", "' OR 1=1 --", "ü" * 5000])
def test_a_strange_email_is_just_unknown(app: Flask, email: str) -> None:
    assert Browser(app.test_client()).submit("/sign-in", {"email": email, "password": "x"}).status_code == 403


def test_the_session_cookie_is_for_this_site_and_not_for_scripts(app: Flask, annotator: Person) -> None:
    form = {"email": annotator.email, "password": factories.PASSWORD}
    cookie = session_cookie(Browser(app.test_client()).submit("/sign-in", form))["mellow_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")


def test_over_https_the_session_cookie_stays_on_https(app: Flask, annotator: Person) -> None:
    form = {"email": annotator.email, "password": factories.PASSWORD}
    cookies = session_cookie(Browser(app.test_client(), "https://localhost").submit("/sign-in", form))
    cookie = cookies["__Host-mellow_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert (cookie["path"], cookie["domain"]) == ("/", ""), "or browsers refuse such a name"


def test_over_https_a_cookie_of_plain_http_signs_nobody_in(app: Flask, annotator: Person) -> None:
    client = annotator.browser().client
    assert client.get("/annotate", base_url="http://localhost").status_code == 200
    assert client.get("/annotate", base_url="https://localhost").status_code == 302


def test_signing_out_ends_the_session(annotator: Person) -> None:
    browser = annotator.browser()
    answer = browser.submit("/sign-out", {})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in")
    assert browser.get("/annotate").status_code == 302


def test_a_copy_of_the_cookie_is_worth_nothing_after_signing_out(
    app: Flask, session: Session, annotator: Person
) -> None:
    browser, elsewhere = annotator.browser(), annotator.browser()
    kept = browser.client.get_cookie("mellow_session")
    assert kept is not None
    copy = app.test_client()
    copy.set_cookie("mellow_session", kept.value)
    assert copy.get("/annotate").status_code == 200
    browser.submit("/sign-out", {})
    assert copy.get("/annotate").location == "/sign-in?next=/annotate"
    assert elsewhere.get("/annotate").status_code == 200, "only that session is over"
    last = rows(session, AuditEvent)[-1]
    assert (last.action, last.user_id) == ("user.signed_out", annotator.id)


def test_setting_up_and_joining_and_signing_in_each_begin_a_session(
    app: Flask, session: Session, setup_token: str
) -> None:
    Browser(app.test_client()).submit("/setup", {**ADA, "token": setup_token}, page="/setup")
    (ada,) = rows(session, User)
    _, token = invitations.invite(session, ada.id, "annotator", "", 1)
    link = f"/join/{token}"
    grace = {"email": "grace@example.org", "name": "", "password": "another calm one"}
    Browser(app.test_client()).submit(link, grace, page=link)
    Browser(app.test_client()).submit("/sign-in", ADA)
    assert [(one.user_id, one.address) for one in rows(session, SignInSession)] == [
        (ada.id, "127.0.0.1"),
        (ada.id + 1, "127.0.0.1"),
        (ada.id, "127.0.0.1"),
    ]


def test_ones_own_sessions_are_listed_and_ended(session: Session, annotator: Person, admin: Person) -> None:
    here, one, two = (annotator.browser() for _ in range(3))
    first, second, _third = rows(session, SignInSession)
    page = here.get("/account").text
    assert page.count("this session") == 1
    assert f"/account/sessions/{second.id}/end" in page
    assert f"/account/sessions/{first.id}/end" not in page, "this one has the button Sign out"
    answer = here.submit(f"/account/sessions/{second.id}/end", {}, page="/account", follow_redirects=True)
    assert "That session has ended." in answer.text
    assert "ended in another browser" in answer.text
    assert [browser.get("/annotate").status_code for browser in (here, one, two)] == [200, 302, 200]
    answer = here.submit("/account/sessions/end", {}, page="/account", follow_redirects=True)
    assert "You are signed out everywhere else." in answer.text
    assert [browser.get("/annotate").status_code for browser in (here, two)] == [200, 302]
    admin.browser()
    theirs = rows(session, SignInSession)[-1].id
    assert here.submit(f"/account/sessions/{theirs}/end", {}, page="/account").status_code == 404


def test_how_long_a_session_lasts_is_a_setting(app: Flask, session: Session, annotator: Person) -> None:
    browser = annotator.browser()
    (row,) = rows(session, SignInSession)
    assert row.expires_at - row.created_at == timedelta(days=30)
    row.last_used_at = now() - timedelta(hours=2)
    session.commit()
    app.config["SESSION_IDLE"] = timedelta(hours=1)
    assert browser.get("/annotate").status_code == 302
    app.config["SESSION_IDLE"] = timedelta(hours=3)
    assert browser.get("/annotate").status_code == 200
    session.expire_all()
    assert now() - row.last_used_at < timedelta(minutes=1), "which is noted"


def test_a_first_password_of_somebody_else_is_changed_before_anything_else(
    app: Flask, session: Session, admin: Person
) -> None:
    form = {"email": "grace@example.org", "name": "", "password": "another calm one", "role": "annotator"}
    admin.browser().submit("/admin/people", form)
    browser = Browser(app.test_client())
    browser.submit("/sign-in", form)
    assert browser.get("/annotate").location == "/account"
    page = browser.get("/account").text
    assert "Choose your own password" in page
    assert 'href="/work"' not in page
    wanted = {"old": form["password"], "new": "nine quiet otters", "again": "nine quiet otters"}
    refused = browser.submit("/account/password", wanted | {"new": "x", "again": "x"}, page="/account")
    assert (refused.status_code, "Choose your own password" in refused.text) == (422, True)
    same = browser.submit("/account/password", dict.fromkeys(wanted, form["password"]), page="/account")
    assert "The new password is the present one." in same.text
    assert browser.submit("/account/password", wanted, page="/account").location == "/"
    assert browser.get("/annotate").status_code == 200


def test_whoever_is_signed_in_meets_the_desk_instead_of_the_sign_in_page(annotator: Person) -> None:
    assert annotator.browser().get("/sign-in").headers["Location"] == "/"


def new_token(browser: Browser, **form: str) -> TestResponse:
    """What sending the form of a new token shows."""
    wanted = {"token_name": "a notebook", "scopes": "annotate", "days": "30", "form_key": form_key.new()} | form
    return browser.submit("/account/token", wanted)


def test_a_new_api_token_is_shown_once_in_the_response_and_not_through_the_cookie(
    app: Flask, annotator: Person
) -> None:
    browser = annotator.browser()
    page = new_token(browser)
    assert (page.status_code, page.headers["Cache-Control"]) == (201, "no-store")
    assert "Set-Cookie" not in page.headers
    found = re.search(r"data-token>([^<]+)<", page.text)
    assert found is not None
    fresh = Person(app, annotator.id, annotator.email, found[1])
    assert fresh.post("/judgments", {}).status_code == 422
    assert annotator.post("/judgments", {}).status_code == 422, "the other one goes on working"
    again = browser.get("/account").text
    assert found[1] not in again
    assert "a notebook" in again


def test_a_reload_makes_no_second_token_and_says_so(session: Session, annotator: Person) -> None:
    browser, key = annotator.browser(), form_key.new()
    assert new_token(browser, form_key=key).status_code == 201
    again = new_token(browser, form_key=key)
    assert again.status_code == 409
    assert "This form was sent before: its token was shown then, and no second one was made." in again.text
    assert "data-token>" not in again.text
    assert [token.name for token in rows(session, ApiToken)] == ["test", "a notebook"]


def test_a_token_that_cannot_be_made_says_why_and_keeps_what_was_typed(session: Session, admin: Person) -> None:
    for form, status, sentence in (
        ({"scopes": "write"}, 422, "There is no scope &#39;write&#39;"),
        ({"days": "x"}, 422, "A token may be good for 1 to 3650 days"),
        ({"form_key": ""}, 400, "This form is out of date: reload the page and try again."),
    ):
        answer = new_token(admin.browser(), token_name="for <b>Grace</b>", **form)
        assert answer.status_code == status
        assert sentence in answer.text
        assert 'value="for &lt;b&gt;Grace&lt;/b&gt;"' in answer.text
    assert len(rows(session, ApiToken)) == 1


def test_a_token_without_an_end_and_for_all_that_an_admin_may_do(session: Session, admin: Person) -> None:
    page = new_token(admin.browser(), scopes="admin", days="never").text
    assert "never expires" in page
    token = rows(session, ApiToken)[-1]
    assert (token.scopes, token.expires_at) == (["admin"], None)


def test_an_annotator_is_offered_no_scope_of_admins(annotator: Person) -> None:
    page = annotator.browser().get("/account").text
    assert re.findall(r'name="scopes" value="(\w+)"', page) == ["annotate", "read"]
    assert new_token(annotator.browser(), scopes="admin").status_code == 403


def test_ones_own_token_is_revoked_on_the_account_page_and_no_other(
    session: Session, annotator: Person, admin: Person
) -> None:
    mine, _ = api_tokens.make(session, annotator.id, "mine", ["read"], 7)
    theirs, _ = api_tokens.make(session, admin.id, "theirs", ["read"], 7)
    browser = annotator.browser()
    page = browser.submit(f"/account/tokens/{mine.id}/revoke", {}, follow_redirects=True)
    assert "The token mine no longer works." in page.text
    assert "theirs" not in page.text
    assert browser.submit(f"/account/tokens/{theirs.id}/revoke", {}).status_code == 404
    assert [api_tokens.state(token) for token in rows(session, ApiToken)[2:]] == ["revoked", "in force"]


def test_a_password_is_changed_on_ones_own_page_and_other_browsers_are_signed_out(annotator: Person) -> None:
    here, elsewhere = annotator.browser(), annotator.browser()
    form = {"old": factories.PASSWORD, "new": "nine quiet otters", "again": "nine quiet otters"}
    for changed, status, sentence in (
        ({"again": "nine quiet otter"}, 422, "The new password and its repetition differ."),
        ({"new": "password", "again": "password"}, 422, "is one of the 10,000 that are tried first"),
        ({"old": "not it"}, 403, "The present password is wrong."),
    ):
        answer = here.submit("/account/password", form | changed, page="/account")
        assert answer.status_code == status
        assert sentence in answer.text
    answer = here.submit("/account/password", form, page="/account", follow_redirects=True)
    assert "The password is changed, and you are signed out everywhere else." in answer.text
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302


def test_name_and_email_are_changed_on_ones_own_page(session: Session, annotator: Person) -> None:
    browser = annotator.browser()
    form = {"name": "Ada", "email": "ada@example.org", "password": "not it"}
    answer = browser.submit("/account/profile", form, page="/account")
    assert (answer.status_code, "another email address takes it" in answer.text) == (403, True)
    form["password"] = factories.PASSWORD
    page = browser.submit("/account/profile", form, page="/account", follow_redirects=True).text
    assert "Your name and email are saved." in page
    assert 'value="ada@example.org"' in page


def test_the_colours_that_a_person_chooses_are_theirs_on_every_page_and_in_every_browser(
    app: Flask, annotator: Person, admin: Person
) -> None:
    browser = annotator.browser()
    assert 'data-theme="system">' in browser.get("/work").text.replace(" data-typeface", "")
    answer = browser.submit("/account/theme", {"theme": "dark"}, page="/work")
    assert answer.headers["Location"] == "/work"
    for one in (browser, annotator.browser()):
        for page in ("/work", "/account", "/no-such-page"):
            assert '<html lang="en" dir="ltr" data-theme="dark" data-bs-theme="dark"' in one.get(page).text
    assert 'data-theme="system"' in admin.browser().get("/work").text
    assert annotator.call("GET", "/me").json["settings"]["theme"] == "dark"  # type: ignore[index]
    assert 'data-theme="system"' in app.test_client().get("/sign-in").text


def test_the_language_that_a_person_chooses_is_that_of_every_page_in_every_browser(
    annotator: Person, admin: Person
) -> None:
    answer = annotator.browser().submit("/account/language", {"language": "de"}, page="/work")
    assert answer.headers["Location"] == "/work"
    assert '<html lang="de"' in annotator.browser().get("/account").text
    assert '<html lang="en"' in admin.browser().get("/account").text


def test_what_is_no_code_of_a_language_is_refused(annotator: Person) -> None:
    browser = annotator.browser()
    assert browser.submit("/account/language", {"language": "Deutsch"}, page="/account").status_code == 422
    assert '<html lang="en"' in browser.get("/account").text


def test_other_colours_are_refused_and_change_nothing(annotator: Person) -> None:
    browser = annotator.browser()
    assert browser.submit("/account/theme", {"theme": "pink"}, page="/account").status_code == 422
    assert 'data-theme="system"' in browser.get("/account").text
