"""The help in the app: who may read it, and what it sends."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.studio import Person


@pytest.mark.parametrize("role", ["annotator", "admin"])
def test_everybody_who_is_signed_in_reads_it(role: str, request: pytest.FixtureRequest) -> None:
    person: Person = request.getfixturevalue(role)
    browser = person.browser()
    home = browser.get("/help")
    assert (home.status_code, home.location) == (302, "/help/docs/README.md")
    page = browser.get(home.location)
    assert '<a href="desk.md">' in page.text
    assert re.search(r'<a href="/help" aria-current="page">\s*<svg.*?</svg>\s*Help', page.text, re.DOTALL)
    assert "<title>The annotator&#39;s desk · Help · Mellow</title>" in browser.get("/help/docs/desk.md").text


def test_a_stranger_signs_in_first(app: Flask) -> None:
    assert "/sign-in" in app.test_client().get("/help/docs/desk.md").location


def test_a_long_document_lists_what_is_on_its_page(annotator: Person) -> None:
    page = annotator.browser().get("/help/docs/people.md").text
    assert '<a href="#agreement">Agreement</a>' in page
    assert '<h2 id="agreement">Agreement</h2>' in page


def test_pictures_and_texts_are_sent_as_what_they_are(annotator: Person) -> None:
    browser = annotator.browser()
    with browser.get("/help/docs/screenshots/run.png") as picture:
        assert (picture.mimetype, picture.data[:4]) == ("image/png", b"\x89PNG")
    with browser.get("/help/docs/examples/mellow_client.py") as program:
        assert (program.mimetype, program.data[:3]) == ("text/plain", b'"""')


@pytest.mark.parametrize(
    "name", ["docs/no-such.md", "app/config.py", "docs/../../etc/passwd", "models/base/config.json"]
)
def test_what_is_not_of_the_help_is_not_there(name: str, annotator: Person) -> None:
    answer = annotator.browser().get(f"/help/{name}")
    assert answer.status_code == 404
    assert "The help has no page" in answer.text
