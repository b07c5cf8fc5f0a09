"""Which language a request is answered in, and how numbers and moments are written in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import words
from app.db import Role
from app.domain_errors import NotFound
from app.services.versions import versions
from app.translations.catalogue import FOLDER
from tests.studio import Person, make_person

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
PAGE = "/account"


def german(app: Flask, session: Session) -> Person:
    """An admin who has chosen German."""
    return make_person(app, session, Role.ADMIN, settings={"language": "de"})


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("fr,de;q=0.3", "de"),
        ("fr,ja", "en"),
        ("", "en"),
    ],
)
def test_a_page_before_signing_in_is_in_the_language_of_the_browser(app: Flask, asked: str, language: str) -> None:
    page = app.test_client().get("/nowhere", headers={"Accept-Language": asked}).text
    assert f'<html lang="{language}" dir="ltr"' in page
    assert ("Nicht gefunden (404)" in page) == (language == "de")


def test_what_a_person_chose_counts_more_than_their_browser(app: Flask, session: Session, admin: Person) -> None:
    browser = german(app, session).browser()
    assert '<html lang="de"' in browser.get(PAGE, headers={"Accept-Language": "en"}).text
    assert '<html lang="de"' in admin.browser().get(PAGE, headers=GERMAN).text, "she has chosen none"
    assert '<html lang="en"' in make_english(app, session).browser().get(PAGE, headers=GERMAN).text


def make_english(app: Flask, session: Session) -> Person:
    """An admin who has chosen English."""
    return make_person(app, session, Role.ADMIN, settings={"language": "en"})


def test_a_language_that_is_offered_no_longer_is_that_of_the_browser(app: Flask, session: Session) -> None:
    person = make_person(app, session, settings={"language": "tlh"})
    assert '<html lang="de"' in person.browser().get(PAGE, headers=GERMAN).text


def test_the_menu_changes_the_language_and_leads_back(admin: Person) -> None:
    browser = admin.browser()
    answer = browser.submit("/account/language", {"language": "de"}, page="/admin/versions")
    assert answer.headers["Location"] == "/admin/versions"
    page = browser.get("/admin/versions").text
    assert "<h1>Versionen</h1>" in page
    assert 'lang="de"\n                          aria-pressed="true"' in page


def test_programs_with_a_token_are_answered_in_english(app: Flask, session: Session) -> None:
    person = german(app, session)
    answer = person.call("GET", "/versions/7", headers=GERMAN)
    assert answer.json is not None
    assert answer.json["detail"] == "There is no version 7."


def test_the_same_refusal_reaches_a_browser_in_its_language(app: Flask, session: Session) -> None:
    answer = german(app, session).browser().get("/api/v1/versions/7")
    assert answer.json is not None
    assert answer.json["detail"] == "Es gibt keine Version 7."


def test_outside_a_request_everything_is_english(app: Flask, session: Session) -> None:
    with app.app_context():
        assert words.language() == "en"
        assert words.gettext("Not found") == "Not found"
        with pytest.raises(NotFound, match=r"^There is no version 7\.$"):
            versions.get(session, 7)
    assert words.ngettext("%(num)d day", "%(num)d days", 2) == "2 days"


@pytest.mark.parametrize(
    ("language", "whole", "part", "moment"),
    [
        ("en", "12,346", "0.50", "2026-03-01 23:59 UTC"),
        ("de", "12.346", "0,50", "01.03.2026 23:59 UTC"),
    ],
)
def test_numbers_and_moments_are_written_as_in_the_language(
    app: Flask, language: str, whole: str, part: str, moment: str
) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        assert words.number(12345.6) == whole
        assert words.number(0.5, 2) == part
        assert words.moment(datetime(2026, 3, 1, 23, 59, tzinfo=UTC)) == moment


def test_languages_call_themselves_by_their_own_names() -> None:
    assert [words.name_of(code) for code in ("en", "de", "he")] == ["English", "Deutsch", "עברית"]


def test_a_further_catalogue_adds_a_language_or_stands_in_for_one_of_ours(tmp_path: Path) -> None:
    for language in ("sv", "de"):
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "messages.po").write_text('msgid "Not found"\nmsgstr "-"\n')
    app = Flask(__name__)
    words.init_app(app, tmp_path)
    assert app.config["LANGUAGES"] == {"de": tmp_path, "sv": tmp_path}
    ours = Flask(__name__)
    words.init_app(ours)
    assert ours.config["LANGUAGES"] == {"de": FOLDER}
