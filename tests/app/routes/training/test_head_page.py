"""The page that says what people like here, and its switch."""

from __future__ import annotations

import re

from flask import Flask
from sqlalchemy.orm import Session

from app.db import RewardHead, write_transaction
from app.services.prompts import studio_settings
from tests import factories
from tests.studio import Person, parts, rewriter, rows


def test_before_the_first_click_it_says_how_to_begin(admin: Person, version_1: int) -> None:
    page = admin.browser().get("/admin/liking")
    assert page.status_code == 200
    assert "Nobody has clicked yet" in page.text


def test_after_clicks_it_says_in_words_what_people_like(
    app: Flask, session: Session, admin: Person, annotator: Person, version_1: int
) -> None:
    generator = rewriter(app)
    for number in range(3):
        screen = factories.generation(session, annotator.id, ("so", "so it is", "so it is, my dear friend"))
        factories.judgment(session, screen)
        assert parts(app).heads.learn(session, generator.version, generator.features) == 0, number
    page = admin.browser().get("/admin/liking").text
    assert "Learned from 3 judgments, while version 1 is live" in page
    assert "shorter" in page
    assert "unclear" in page


def test_learning_at_once_is_switched_off_and_on(session: Session, admin: Person, version_1: int) -> None:
    assert studio_settings.settings(session).learn_at_once
    answer = admin.browser().submit("/admin/liking", {})
    assert answer.status_code == 302
    session.rollback()
    assert not studio_settings.settings(session).learn_at_once
    assert "quality alone decides" in admin.browser().get("/admin/liking").text
    admin.browser().submit("/admin/liking", {"learn_at_once": "yes"})
    session.rollback()
    assert studio_settings.settings(session).learn_at_once


def test_only_a_better_version_may_serve_where_an_admin_says_so(
    session: Session, admin: Person, version_1: int
) -> None:
    assert not studio_settings.settings(session).only_if_better
    browser = admin.browser()
    browser.submit("/admin/liking", {"learn_at_once": "yes", "only_if_better": "yes"})
    session.rollback()
    assert studio_settings.settings(session).only_if_better
    page = browser.get("/admin/liking").text
    assert re.search(r'id="only_if_better"[^>]* checked', page)
    assert "A retrained version goes live only if the clicks show that it is better." in page


def test_whose_clicks_count_how_much_is_decided_here(session: Session, admin: Person, version_1: int) -> None:
    browser = admin.browser()
    page = browser.get("/admin/liking").text
    assert re.search(r'id="weigh_people"[^>]* checked', page)
    assert re.search(r'id="least_seconds"[^>]* value="1"', page)
    browser.submit("/admin/liking", {"least_seconds": "0.5"})
    session.rollback()
    studio = studio_settings.settings(session)
    assert (studio.weigh_people, studio.least_seconds) == (False, 0.5)
    refused = browser.submit("/admin/liking", {"least_seconds": "soon"})
    assert refused.status_code == 422
    assert "Answers are left out by a number of seconds, such as 1 or 0.5." in refused.text
    assert browser.submit("/admin/liking", {"least_seconds": "nan"}).status_code == 422


def test_a_head_that_cannot_be_read_keeps_nobody_from_working(
    app: Flask, session: Session, annotator: Person, version_1: int
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    generator = rewriter(app)
    parts(app).heads.learn(session, generator.version, generator.features)
    with write_transaction(session):
        for row in rows(session, RewardHead):
            row.data = b"damaged"
    parts(app).heads.__init__()  # type: ignore[misc]  # another process, which remembers nothing
    answer = annotator.post("/generations", {"text": "you are stupid"})
    assert answer.status_code == 201
    assert len(answer.get_json()["candidates"]) == 3


def test_it_is_for_admins(annotator: Person, version_1: int) -> None:
    assert annotator.browser().get("/admin/liking").status_code == 403


def test_without_a_version_it_says_so(admin: Person) -> None:
    page = admin.browser().get("/admin/liking")
    assert page.status_code == 200
    assert "No version is published yet" in page.text


def test_live_comparisons_are_switched_off_and_the_old_version_left_serving_where_an_admin_says_so(
    session: Session, admin: Person, version_1: int
) -> None:
    assert (studio_settings.settings(session).compare_live, studio_settings.settings(session).prove_first) == (
        True,
        False,
    )
    browser = admin.browser()
    browser.submit("/admin/liking", {"learn_at_once": "yes", "compare_live": "yes", "prove_first": "yes"})
    session.rollback()
    assert studio_settings.settings(session).prove_first
    page = browser.get("/admin/liking").text
    assert re.search(r'id="prove_first"[^>]* checked', page)
    assert "Retrained versions are compared live, and the one before stays live meanwhile." in page
    comparison = factories.comparison(session, serving_number=1)
    browser.submit("/admin/liking", {"learn_at_once": "yes"})
    session.rollback()
    assert not studio_settings.settings(session).compare_live
    assert f"Comparison {comparison.id} has ended: version 1 is live." in browser.get("/admin/liking").text
