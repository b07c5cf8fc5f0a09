"""The admins' page of the guidelines and of the studio's settings."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import AuditEvent
from app.services.prompts import studio_settings
from tests.studio import Browser, Person, rows

PAGE = "/admin/guidelines"
FORM = {
    "guidelines": "Be kind.",
    "overlap": "2",
    "most_skips": "4",
    "gold_every": "10",
    "break_minutes": "30",
    "blur": "yes",
    "only_english": "yes",
    "question": "best_of_three",
}


def seen(browser: Browser) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', browser.get(PAGE).text)
    assert found is not None
    return found[1]


def save(browser: Browser, **fields: str) -> TestResponse:
    return browser.submit(PAGE, {**FORM, "seen": seen(browser), **fields}, page=PAGE)


def test_what_is_saved_is_what_everybody_sees(session: Session, admin: Person) -> None:
    browser = admin.browser()
    assert save(browser, guidelines="Be\r\nkind.").status_code == 302
    session.rollback()
    expected = studio_settings.StudioSettings(
        guidelines="Be\nkind.", overlap=2, most_skips=4, gold_every=10, blur=True, break_minutes=30
    )
    assert studio_settings.settings(session) == expected
    page = browser.get(PAGE).text
    assert "Saved. Everybody sees it from now on." in page
    assert "<p>Be\nkind.</p>" in page


def test_what_people_are_asked_is_stored_audited_and_told_to_programs(session: Session, admin: Person) -> None:
    browser = admin.browser()
    answer = save(browser, question="ranking", ask_rating="yes", tags=" too stiff\r\n\r\nunfair ", ask_comment="yes")
    assert answer.status_code == 302
    session.rollback()
    stored = studio_settings.settings(session)
    assert (stored.question, stored.ask_rating, stored.tags) == ("ranking", True, ("too stiff", "unfair"))
    asked = {"question": "ranking", "rating": True, "tags": ["too stiff", "unfair"], "comment": True}
    assert browser.get("/api/v1/me").get_json()["asked"] == asked
    changed = [one for one in rows(session, AuditEvent) if one.action == "studio.changed"][-1]
    assert changed.details["question"] == "ranking"
    page = browser.get(PAGE).text
    assert '<option value="ranking" selected>' in page
    assert "\ntoo stiff\nunfair</textarea>" in page


def test_tags_that_cannot_be_told_apart_are_refused_and_stay_on_the_page(session: Session, admin: Person) -> None:
    for tags, sentence in (
        ("stiff\nStiff", "There may be at most 20 tags, each with a name of its own."),
        ("\n".join(map(str, range(21))), "There may be at most 20 tags, each with a name of its own."),
        ("x" * 41, "A tag must have 1 to 40 characters:"),
    ):
        answer = save(admin.browser(), tags=tags)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert f"{tags}</textarea>" in answer.text
    session.rollback()
    assert studio_settings.settings(session) == studio_settings.StudioSettings()


def test_a_box_that_is_not_ticked_means_no(session: Session, admin: Person) -> None:
    browser = admin.browser()
    save(browser)
    save(browser, blur="", only_english="")
    session.rollback()
    stored = studio_settings.settings(session)
    assert (stored.blur, stored.only_english) == (False, False)


def test_what_cannot_be_used_stays_on_the_page_and_nothing_is_stored(session: Session, admin: Person) -> None:
    browser = admin.browser()
    for fields, sentence in (
        ({"overlap": "many"}, "“How many people judge a prompt” needs a whole number."),
        ({"gold_every": "-1"}, "gold_every must be a whole number from 0 to 1000."),
    ):
        answer = save(browser, guidelines="My <b> words.", **fields)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert "My &lt;b&gt; words.</textarea>" in answer.text
    session.rollback()
    assert studio_settings.settings(session) == studio_settings.StudioSettings()


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unawares(session: Session, admin: Person) -> None:
    browser = admin.browser()
    before = seen(browser)
    studio_settings.change(session, admin.id, {"guidelines": "Theirs."})
    answer = save(browser, guidelines="Mine.", seen=before)
    assert answer.status_code == 409
    assert "Somebody else has changed the guidelines meanwhile." in answer.text
    assert "Mine.</textarea>" in answer.text
    session.rollback()
    assert studio_settings.settings(session).guidelines == "Theirs."
    again = re.search(r'name="seen" value="([^"]+)"', answer.text)
    assert again is not None
    assert save(browser, guidelines="Mine.", seen=again[1]).status_code == 302
    session.rollback()
    assert studio_settings.settings(session).guidelines == "Mine."


def test_what_the_markdown_says_is_never_run(session: Session, admin: Person) -> None:
    studio_settings.change(session, admin.id, {"guidelines": "</textarea><script>alert(1)</script>"})
    assert "<script>alert" not in admin.browser().get(PAGE).text
