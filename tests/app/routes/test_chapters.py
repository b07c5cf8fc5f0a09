"""Every page leads to its chapter of the help, and every chapter is there."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.entrance.endpoints import PUBLIC
from app.routes.chapters import CHAPTERS, chapter_of
from app.services.system.documents import library
from tests.studio import Person

NO_PAGES = {
    "annotate.home",
    "auth.export",
    "admin.queue",
    "data.export",
    "personal_data.export",
    "personal_data.export_imported",
    "system.audit_copy",
    "system.download",
}
"""What leads elsewhere, is a part of a page, or a file."""


@pytest.mark.parametrize("chapter", sorted(set(CHAPTERS.values())))
def test_every_chapter_is_there(chapter: str) -> None:
    name, _, anchor = chapter.partition("#")
    assert name in library.names()
    assert not anchor or anchor in {heading.anchor for heading in library.document(name).headings}


def test_every_page_has_a_chapter(app: Flask) -> None:
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/api/v1")
    }
    assert {page for page in pages - PUBLIC - NO_PAGES if chapter_of(page) is None} == {"help.home", "help.page"}
    assert {name for name in CHAPTERS if "." in name} <= pages


def test_every_page_of_the_menu_leads_to_a_chapter(version_1: int, admin: Person) -> None:
    browser = admin.browser()
    menu = browser.get("/account").text.partition('<div class="places">')[2].partition("</div>")[0]
    pages = re.findall('href="([^"]+)"', menu)
    assert {"/annotate", "/admin", "/help"} < set(pages)
    assert [page for page in pages if "Help on this page</a>" not in browser.get(page).text] == ["/help"]


def test_a_page_leads_to_its_chapter(admin: Person) -> None:
    browser = admin.browser()
    page = browser.get("/admin/system/audit").text
    assert 'href="/help/docs/system.md#the-audit-log">Help on this page</a>' in page
    assert "Help on this page" not in browser.get("/help/docs/system.md").text


def test_who_is_not_signed_in_is_led_nowhere(app: Flask, admin: Person) -> None:
    assert "Help on this page" not in app.test_client().get("/sign-in").text
