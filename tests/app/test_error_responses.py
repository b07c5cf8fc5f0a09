"""The page of an error says what happened in our words and leads back; tests/app/test_domain_errors.py has the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from app.db import Role
from app.extensions import db
from app.services.people import accounts
from app.services.system import system
from tests.studio import Person, make_person


def ways(page: str) -> dict[str, str]:
    """The links of an error page by their words."""
    main = page.partition("<main")[2]
    return {words.strip(): address for address, words in re.findall(r'<a [^>]*href="([^"]*)">\s*([^<]*?)</a>', main)}


def fail(*_: object) -> None:
    raise ZeroDivisionError


def test_what_is_not_allowed_says_who_can_change_that_and_leads_to_the_desk(annotator: Person) -> None:
    page = annotator.browser().get("/admin/people").text
    assert "Not allowed (403)" in page
    assert "ask an admin of this studio" in page
    assert ways(page) == {"Go to the desk": "/"}
    assert "<title>Not allowed · Mellow</title>" in page


def test_a_page_that_fails_can_be_tried_again(admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "spaces", fail)
    answer = admin.browser().get("/admin/system?x=1", headers={"Referer": "http://localhost/admin/people"})
    assert answer.status_code == 500
    assert "A fault of Mellow (500)" in answer.text
    assert re.search(r"tell whoever runs this studio when it was: \d{4}-\d\d-\d\d \d\d:\d\d UTC", answer.text)
    assert ways(answer.text) == {
        "Try again": "/admin/system?x=1",
        "Back to the page before": "/admin/people",
        "Go to the desk": "/",
    }


def test_a_form_that_fails_leads_back_to_its_page_and_is_not_sent_again(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "change_profile", fail)
    page = admin.browser().submit("/account/profile", {"name": "Ada"}, page="/account").text
    assert ways(page) == {"Back to the page before": "/account", "Go to the desk": "/"}


def test_the_page_of_a_fault_does_not_need_what_is_at_fault(
    app: Flask, session: Session, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = admin.browser()
    monkeypatch.setattr(accounts, "by_session", fail)
    answer = browser.get("/admin/system")
    assert answer.status_code == 500
    assert "Something went wrong on our side; the log says what." in answer.text
    assert "Go to the desk" in answer.text
    assert "Sign out" not in answer.text


def test_a_page_of_another_site_is_no_way_back(app: Flask) -> None:
    page = app.test_client().get("/nowhere", headers={"Referer": "http://elsewhere.example/annotate"}).text
    assert "Not found (404)" in page
    assert ways(page) == {"Go to the start": "/"}


GERMAN = {"Accept-Language": "de"}


def test_a_fault_is_told_in_the_language_of_whoever_meets_it(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = make_person(app, session, Role.ADMIN, settings={"language": "de"})
    browser = person.browser()
    monkeypatch.setattr(system, "spaces", fail)
    page = browser.get("/admin/system", headers={"Accept-Language": "en"}).text
    assert "Bei uns ist etwas schiefgegangen; im Log steht, was." in page
    assert "Noch einmal versuchen" in page


def test_where_nobody_can_be_asked_who_it_is_a_fault_is_told_in_the_language_of_the_browser(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = admin.browser()
    monkeypatch.setattr(accounts, "by_session", fail)
    answer = browser.get("/admin/system", headers=GERMAN)
    assert answer.status_code == 500
    assert "Ein Fehler von Mellow (500)" in answer.text
    problem = browser.get("/api/v1/versions", headers=GERMAN).json
    assert problem is not None
    assert problem["detail"] == "Bei uns ist etwas schiefgegangen; im Log steht, was."


def test_what_is_not_there_is_told_in_the_language_of_the_browser(app: Flask) -> None:
    page = app.test_client().get("/nowhere", headers=GERMAN).text
    assert "Nicht gefunden (404)" in page
    assert ways(page) == {"Zum Anfang": "/"}


@contextmanager
def no_database(app: Flask, folder: Path) -> Iterator[None]:
    """Let the studio's database be a PostgreSQL that nobody reaches."""
    with app.app_context():
        engines = cast(dict[str | None, Engine], db.engines)
    there = engines[None]
    engines[None] = create_engine(f"postgresql+psycopg://mellow@/mellow?host={folder}")
    yield
    engines[None] = there


def test_while_the_database_is_away_everybody_is_asked_to_come_again(
    app: Flask, admin: Person, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    browser = admin.browser()
    with no_database(app, tmp_path):
        answer, page = admin.call("GET", "/versions"), browser.get("/admin/system")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json is not None
    assert answer.json["detail"] == "The database does not answer now: try again in a moment."
    assert (page.status_code, page.headers["Retry-After"]) == (503, "2")
    assert "The database does not answer now: try again in a moment." in page.text
    assert ways(page.text)["Try again"] == "/admin/system"
    assert "GET /api/v1/versions: the database does not answer: " in caplog.text
    assert "SELECT" not in caplog.text


def test_that_no_connection_is_free_is_an_error_of_its_own_in_the_log(
    admin: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_connection(*_: object) -> None:
        raise NoConnection("QueuePool limit reached")

    monkeypatch.setattr(accounts, "by_session", no_connection)
    answer = admin.browser().get("/admin/system")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "GET /admin/system: every connection to the database is in use: TimeoutError: QueuePool" in caplog.text
