"""The side by side of two versions on a version's page: which other one, what differs, and in pages."""

from __future__ import annotations

import dataclasses
import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from models.store.rewrites import Rewrites
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, parts

PAGE = "/admin/versions/2"


@pytest.fixture
def two(app: Flask, session: Session, published: CheckpointStore, version_1: int) -> Flask:
    """A studio with version 1, which is live, and 2, which wrote other words than 1 for 23 texts of 24."""
    add_version(app, session, published, 2)
    texts = [f"text {number}" for number in range(24)]
    ours = {text: "the same" if text == "text 23" else f"kind & {text}" for text in texts}
    theirs = {text: "the same" if text == "text 23" else f"rude {text}" for text in texts}
    Rewrites(ours, theirs).write(parts(app).store.folder(2))
    return app


def asked(page: str) -> list[str]:
    """The texts that a page shows."""
    return re.findall(r'<p class="asked">.*?<span translate="no">([^<]+)</span></p>', page, re.DOTALL)


def test_it_shows_the_parent_beside_it_and_marks_what_only_one_wrote(two: Flask, admin: Person) -> None:
    page = admin.browser().get(PAGE).text
    assert "<strong>23 of 24</strong>" in page
    assert len(asked(page)) == 10
    assert "<mark>kind &amp;</mark> text 0" in page
    assert "<mark>rude</mark> text 0" in page
    assert "text 23" not in page, "for that both wrote the same"
    assert '<option value="1" selected>version 1, trained from</option>' in page


def test_the_texts_come_in_pages_that_can_be_linked_to(two: Flask, admin: Person) -> None:
    browser = admin.browser()
    pages = [browser.get(f"{PAGE}?beside=1&page={number}").text for number in (1, 2, 3)]
    shown = [text for page in pages for text in asked(page)]
    assert len(shown) == len(set(shown)) == 23
    assert '<ol class="differences" start="21">' in pages[2]
    assert f'href="{PAGE}?beside=1&amp;page=3#differences" aria-current="page"' in pages[2]
    assert asked(browser.get(f"{PAGE}?page=99").text) == asked(pages[2])
    assert asked(browser.get(f"{PAGE}?page=-1").text) == asked(pages[0])
    assert asked(browser.get(f"{PAGE}?page=x&beside=x").text) == asked(pages[0])


def test_another_version_can_be_chosen_and_one_that_kept_nothing_says_so(
    two: Flask, session: Session, published: CheckpointStore, admin: Person
) -> None:
    factories.version(session, 3)
    store = parts(two).store
    with store.stage() as staged:
        store.seal(staged, dataclasses.replace(published.manifest(1), number=3))
        store.publish(staged, 3)
    page = admin.browser().get(f"{PAGE}?beside=3").text
    assert "No rewrites of version 3 are kept" in page
    assert asked(page) == []
    assert len(asked(admin.browser().get("/admin/versions/1?beside=2").text)) == 10, "the other way round, too"


def test_two_that_wrote_the_same_say_so(two: Flask, admin: Person) -> None:
    Rewrites({"a": "b"}, {"a": "b"}).write(parts(two).store.folder(2))
    assert "Both wrote the same for all 1 held-out texts." in admin.browser().get(PAGE).text


def test_the_only_version_has_none_beside_it(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    assert "Side by side" not in admin.browser().get("/admin/versions/1").text
