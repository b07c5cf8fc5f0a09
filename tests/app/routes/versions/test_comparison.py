"""The page of live comparisons, and ending one by hand."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.services.prompts import studio_settings
from app.services.versions import live_comparison, versions
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, rows

PAGE = "/admin/versions/comparison"


def words(page: str) -> str:
    """The text of a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def two(app: Flask, session: Session, published: CheckpointStore, version_1: int) -> int:
    """A studio with versions 1, which serves, and 2, in a live comparison; its id."""
    add_version(app, session, published, 2)
    return factories.comparison(session, serving_number=1).id


def test_before_the_first_one_it_says_how_one_begins(session: Session, admin: Person) -> None:
    browser = admin.browser()
    assert "The next training that publishes a version begins a comparison." in words(browser.get(PAGE).text)
    studio_settings.change(session, admin.id, {"compare_live": False})
    assert "Live comparisons are switched off." in words(browser.get(PAGE).text)
    assert browser.get(f"{PAGE}/1").status_code == 404


def test_it_shows_wins_evidence_and_how_many_judged_what(session: Session, admin: Person, annotator: Person) -> None:
    comparison = factories.comparison(session)
    for click in range(6):
        factories.preferred(session, (admin if click % 3 else annotator).id, comparison, 2)
    page = admin.browser().get(PAGE).text
    said = words(page)
    assert "Version 2 against version 1" in said
    assert "more clicks to know." in said
    assert "Version 2 is live meanwhile. 6 clicks counted since" in said
    assert re.search(r"Version 2 \(new\), live 6 2 \d\d %", said)
    assert re.search(r"Version 1 \(before\) 0 4 0 %", said)
    lines = re.findall(r'<polyline class="line-(\d)" points="([^"]+)"', page)
    assert [(line, len(points.split())) for line, points in lines] == [("1", 7), ("2", 7)]
    assert f"{admin.email} : 4 clicks" in said
    assert f"{annotator.email} : 2 clicks" in said


def test_an_ended_one_says_why_and_stays_to_be_looked_at(session: Session, admin: Person) -> None:
    first = factories.comparison(session)
    live_comparison.stop(session, first.id, admin.id, "It was ended by hand.")
    second = factories.comparison(session)
    browser = admin.browser()
    said = words(browser.get(f"{PAGE}/{first.id}").text)
    assert "It was ended by hand." in said
    assert "ended early" in said
    assert "running" in said
    assert "End it now" not in said
    assert f"{PAGE}/{second.id}/end" in browser.get(PAGE).text


def test_ending_it_leaves_what_serves(session: Session, admin: Person, two: int) -> None:
    browser = admin.browser()
    assert browser.submit(f"{PAGE}/{two}/end", {}).status_code == 302
    assert f"Comparison {two} has ended: version 1 is live." in browser.get(PAGE).text
    session.rollback()
    assert (live_comparison.running(session), versions.serving_number(session)) == (None, 1)
    browser.submit(f"{PAGE}/{two}/end", {})
    assert f"Comparison {two} has ended already." in browser.get(PAGE).text


@pytest.mark.parametrize(
    ("kept", "reason"), [(1, "Version 1 was kept by hand."), (2, "Version 2 was made live by hand.")]
)
def test_keeping_one_of_the_two_ends_it_and_lets_that_one_serve(
    session: Session, admin: Person, two: int, kept: int, reason: str
) -> None:
    admin.browser().submit(f"{PAGE}/{two}/keep/{kept}", {})
    session.rollback()
    comparison = live_comparison.get(session, two)
    assert (comparison.state, comparison.reason, versions.serving_number(session)) == ("ended", reason, kept)


def test_a_version_that_takes_no_part_cannot_be_kept(session: Session, admin: Person, two: int) -> None:
    browser = admin.browser()
    browser.submit(f"{PAGE}/{two}/keep/7", {})
    assert f"Version 7 takes no part in comparison {two}." in browser.get(PAGE).text
    session.rollback()
    assert live_comparison.running(session) is not None


def test_an_annotator_neither_sees_nor_ends_one(session: Session, annotator: Person) -> None:
    comparison = factories.comparison(session)
    browser = annotator.browser()
    assert browser.get(PAGE).status_code == 403
    assert browser.submit(f"{PAGE}/{comparison.id}/end", {}, page="/annotate").status_code == 403
    assert annotator.call("GET", "/comparisons").status_code == 403
    assert [one.state for one in rows(session, type(comparison))] == ["running"]


def test_the_pages_of_versions_and_of_training_say_how_it_stands(session: Session, admin: Person) -> None:
    browser = admin.browser()
    pages = ("/admin", "/admin/versions", "/admin/versions/2")
    factories.version(session, 1)
    factories.version(session, 2)
    for page in pages:
        assert 'id="comparison"' not in browser.get(page).text
    comparison = factories.comparison(session)
    for page in pages:
        said = browser.get(page).text
        assert "Versions 1 and 2 are compared live, and version 2 is live meanwhile" in said
        assert f'href="{PAGE}/{comparison.id}"' in said
