"""The pages and the API for data: who may, what they answer, what they store."""

from __future__ import annotations

import html

import pytest
from sqlalchemy.orm import Session

from app.db import FileImport
from app.services.exchange import exports
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, rows

PAGES = ("/admin/data", "/admin/data/queue", "/admin/data/judgments", "/admin/data/judgments/report")


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_are_for_admins(admin: Person, annotator: Person, page: str) -> None:
    assert admin.browser().get(page).status_code == 200
    assert annotator.browser().get(page).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/imports?name=a.csv"),
        ("GET", "/imports/x"),
        ("PATCH", "/imports/x?offset=0"),
        ("DELETE", "/imports/x"),
        ("GET", "/prompts"),
        ("PATCH", "/prompts"),
        ("PATCH", "/prompts/1"),
        ("GET", "/judgments"),
    ],
)
def test_the_api_is_for_admins(annotator: Person, method: str, path: str) -> None:
    assert problem(annotator.call(method, path)) == (403, "This is for admins.")


def test_nothing_is_changed_without_a_csrf_token(session: Session, admin: Person) -> None:
    prompt = factories.prompt(session, queued=True)
    browser = admin.browser()
    answers = [
        browser.client.patch(f"/api/v1/prompts/{prompt.id}", json={"priority": 5}),
        browser.client.post("/api/v1/imports?name=a.csv", data=b"text\none\n"),
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    session.expire_all()
    assert prompt.priority == 0


@pytest.mark.long
def test_the_pages_show_what_a_filter_finds_and_lead_on(session: Session, admin: Person) -> None:
    for number in range(60):
        prompt = factories.prompt(session, f"<b>text</b> {number}", queued=True, source="a & b")
        factories.judgment(session, factories.generation(session, admin.id, prompt=prompt), flagged=number == 7)
    browser = admin.browser()
    page = browser.get("/admin/data/judgments?flagged=yes").text
    assert "&lt;b&gt;text&lt;/b&gt; 7<" in page
    assert page.count("data-judgment=") == 1
    assert 'name="flagged" value="yes"' in page, "the export is of what was found"
    assert browser.get("/admin/data/judgments").text.count("data-judgment=") == 25
    assert browser.get("/admin/data/judgments?page=3").text.count("data-judgment=") == 10
    page = browser.get("/admin/data/queue?state=all&source=a+%26+b").text
    assert page.count("<tr data-prompt") == 25
    assert "source=a+%26+b" in page
    assert "state must be one of" in browser.get("/admin/data/queue?state=lost").text
    assert "since must be a day" in browser.get("/admin/data/judgments?since=x").text


def test_the_page_says_what_each_format_keeps_and_exports_under_pseudonyms_on_request(admin: Person) -> None:
    browser = admin.browser()
    page = html.unescape(browser.get("/admin/data").text)
    for name, one in exports.FORMATS.items():
        assert f'<option value="{name}">{one.label}</option>' in page
        assert f"<dd>{one.keeps}</dd>" in page
    for address in ("/admin/data", "/admin/data/judgments"):
        assert 'name="pseudonyms" value="yes"' in browser.get(address).text


def test_what_may_not_leave_is_shown_before_an_export(session: Session, admin: Person) -> None:
    for text in ("ask <i> ada@example.org", "you fool"):
        factories.judgment(session, factories.generation(session, admin.id, prompt=factories.prompt(session, text)))
    browser = admin.browser()
    page = browser.get("/admin/data/judgments/report?text=example")
    shown = " ".join(html.unescape(page.text).split())
    assert "Of 1 standing judgment that fits, 1 holds personal details, 0 are of texts" in shown
    assert '1 holds an e-mail address: <code translate="no">[email]</code>' in shown
    assert "ask &lt;i&gt; [email]" in page.text
    assert '<input type="hidden" name="text" value="example">' in page.text
    assert "page must be a positive whole number." in browser.get("/admin/data/judgments/report?page=x").text
    for address in ("/admin/data", "/admin/data/judgments", "/admin/data/judgments/report"):
        shown = browser.get(address).text
        assert shown.count('name="personal"') == shown.count('name="evaluation"') == 2
    for address in ("/admin/data", "/admin/data/judgments"):
        assert 'href="/admin/data/judgments/report"' in browser.get(address).text


def test_a_whole_import_is_undone_on_the_page(session: Session, admin: Person) -> None:
    sent = body(admin.call("POST", "/imports?name=a.txt", data=b"one\ntwo\n"))
    admin.post(f"/imports/{sent['id']}", {"layout": "lines"}).get_data()
    number = rows(session, FileImport)[0].id
    browser = admin.browser()
    assert "2 queued, 0 there already" in browser.get("/admin/data").text
    page = browser.submit(f"/admin/data/imports/{number}/undo", {}, "/admin/data", follow_redirects=True)
    assert "2 prompts left the queue; 0 judgments were withdrawn." in page.text
    assert "undone <time" in page.text
    assert "Undo the import</button>" not in page.text
