"""What is written of signing in, and how a browser that is known stays apart from those who guess."""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import AuditEvent
from app.runtime.throttle import MOST_FAILURES
from tests import factories
from tests.studio import Browser, Person, rows

HERE, ELSEWHERE = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}


def send(browser: Browser, email: str, password: str, environ: dict[str, str] = HERE) -> int:
    return browser.submit("/sign-in", {"email": email, "password": password}, environ_base=environ).status_code


def noted(session: Session) -> list[tuple[str, str, dict[str, object]]]:
    return [(event.action, event.subject, event.details) for event in rows(session, AuditEvent)]


def test_signing_in_and_out_and_what_was_refused_is_in_the_audit_log(
    app: Flask, session: Session, annotator: Person
) -> None:
    browser, who, where = Browser(app.test_client()), f"user {annotator.id}", {"address": "192.0.2.1"}
    assert send(browser, annotator.email, "a secret") == 403
    assert send(browser, "a secret", "wrong") == 403
    assert send(browser, annotator.email, factories.PASSWORD) == 302
    form = {"old": "a secret", "new": "nine quiet otters", "again": "nine quiet otters"}
    assert browser.submit("/account/password", form, page="/account", environ_base=HERE).status_code == 403
    browser.submit("/sign-out", {}, page="/annotate", environ_base=HERE)
    entries = noted(session)
    assert [entry[:2] for entry in entries] == [
        ("sign_in.refused", who),
        ("sign_in.refused", "unknown email"),
        ("user.signed_in", who),
        ("password.refused", who),
        ("user.signed_out", who),
    ]
    assert entries[0][2] == {"reason": "wrong password"} | where
    assert entries[2][2] == where
    assert "secret" not in str(entries)


def test_a_wait_is_few_entries_with_a_count(app: Flask, session: Session, annotator: Person) -> None:
    browser = Browser(app.test_client())
    for _ in range(MOST_FAILURES + 12):
        send(browser, annotator.email, "wrong")
    blocked = [details["attempts"] for action, _, details in noted(session) if action == "sign_in.blocked"]
    assert blocked == [1, 10]
    assert len(noted(session)) == MOST_FAILURES + 2


@pytest.mark.parametrize("path", ["/account/password", "/account/profile"])
def test_the_present_password_cannot_be_guessed_and_the_response_says_how_long_to_wait(
    annotator: Person, path: str
) -> None:
    browser = annotator.browser()
    form = {"old": "not it", "new": "nine quiet otters", "again": "nine quiet otters"}
    form |= {"name": "Ada", "email": "ada@example.org", "password": "not it"}
    answers = [browser.submit(path, form, page="/account") for _ in range(MOST_FAILURES + 1)]
    assert [answer.status_code for answer in answers] == [403] * MOST_FAILURES + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 300
    assert "Too many wrong passwords or codes: try again in" in answers[-1].text


def test_a_browser_that_has_signed_in_before_is_not_held_up_by_those_who_guess(app: Flask, annotator: Person) -> None:
    known = Browser(app.test_client())
    assert send(known, annotator.email, factories.PASSWORD) == 302
    known.submit("/sign-out", {}, page="/annotate")
    stranger = Browser(app.test_client())
    assert [send(stranger, annotator.email, "wrong") for _ in range(MOST_FAILURES + 1)][-1] == 429
    assert send(known, annotator.email, factories.PASSWORD) == 302


def test_the_cookie_of_one_account_counts_for_no_other_and_cannot_be_made_up(
    app: Flask, annotator: Person, admin: Person
) -> None:
    known = Browser(app.test_client())
    send(known, annotator.email, factories.PASSWORD)
    known.submit("/sign-out", {}, page="/annotate")
    for _ in range(MOST_FAILURES):
        send(known, admin.email, "wrong")
    assert send(known, admin.email, "wrong") == 429
    forger, name = Browser(app.test_client()), known_cookie(app, annotator).key
    for number in range(MOST_FAILURES + 1):
        forger.client.set_cookie(name, f"made up {number}")
        status = send(forger, annotator.email, "wrong", ELSEWHERE)
    assert status == 429


def test_the_cookie_is_for_this_site_and_not_for_scripts(app: Flask, annotator: Person) -> None:
    cookie = known_cookie(app, annotator)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert int(cookie["max-age"]) == 180 * 86_400
    assert annotator.email not in cookie.OutputString()


def known_cookie(app: Flask, person: Person) -> Morsel[str]:
    """The cookie by which a browser is known to a person's account once they have signed in there."""
    form = {"email": person.email, "password": factories.PASSWORD}
    answer = Browser(app.test_client()).submit("/sign-in", form)
    (header,) = (header for header in answer.headers.getlist("Set-Cookie") if header.startswith("mellow_known_"))
    (cookie,) = SimpleCookie(header).values()
    return cookie
