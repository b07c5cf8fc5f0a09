"""The pages and the API for data: who may, what they answer, what they store."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, rows

PAGES = ("/admin/data", "/admin/data/queue", "/admin/data/judgments")


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


def test_a_file_is_sent_in_pieces_looked_at_stored_and_forgotten(session: Session, admin: Person) -> None:
    sent = body(admin.call("POST", "/imports?name=a.csv", data=b"comment,chosen,rej"))
    place = f"/imports/{sent['id']}"
    assert problem(admin.call("PATCH", f"{place}?offset=3", data=b"x"))[0] == 409
    rest = b"ected\nyou fool,you,idiot\n,,\n"
    assert body(admin.call("PATCH", f"{place}?offset=18", data=rest), 200)["bytes"] == 18 + len(rest)
    found = body(admin.call("GET", f"{place}?text=comment&layout=csv"), 200)
    assert (found["name"], found["usable"], found["found"]["format"]) == ("a.csv", 1, "preference")
    assert rows(session, Prompt) == []
    answer = admin.post(place, found["mapping"] | {"judgments": True})
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson; charset=utf-8")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["done"], line["added"]) for line in lines] == [(False, 1), (True, 1)]
    assert admin.call("DELETE", place).status_code == 204
    assert problem(admin.call("GET", place)) == (404, "There is no such upload any more: choose the file again.")


def test_a_file_that_breaks_off_says_so_in_the_last_line(session: Session, admin: Person) -> None:
    content = "[" + ",".join(json.dumps(f"text {number}") for number in range(501)) + ",{"
    sent = body(admin.call("POST", "/imports?name=a.json", data=content.encode()))
    answer = admin.post(f"/imports/{sent['id']}", {"layout": "json"})
    *_, first, last = (json.loads(line) for line in answer.text.splitlines())
    assert (first["added"], first["done"]) == (500, False)
    assert last == {"problem": "The file is not whole JSON: what begins in line 1 cannot be read."}


def test_prompts_are_listed_page_by_page_and_changed(session: Session, admin: Person) -> None:
    for number in range(3):
        factories.prompt(session, f"text {number}", queued=True)
    first = body(admin.call("GET", "/prompts?limit=2"), 200)
    assert [one["text"] for one in first["prompts"]] == ["text 0", "text 1"]
    after = "&".join(f"{name}={value}" for name, value in first["after"].items())
    second = body(admin.call("GET", f"/prompts?limit=2&{after}"), 200)
    assert ([one["text"] for one in second["prompts"]], second["after"]) == (["text 2"], None)
    number = second["prompts"][0]["id"]
    changed = body(admin.call("PATCH", f"/prompts/{number}", json={"priority": 3}), 200)
    assert (changed["priority"], changed["state"], changed["wanted"]) == (3, "waiting", 1)
    assert body(admin.call("PATCH", "/prompts?text=text", json={"queued": False}), 200) == {"changed": 3}
    for query, sentence in (
        ("state=lost", "state must be one of queue, gold, judged, out, all."),
        ("limit=0", "limit must be a positive whole number."),
        ("after_id=1", "A place in the queue is named by after_id and after_priority together."),
    ):
        assert problem(admin.call("GET", f"/prompts?{query}")) == (422, sentence)


def test_judgments_of_everybody_are_listed_with_what_was_on_the_screen(
    session: Session, admin: Person, annotator: Person
) -> None:
    for _ in range(2):
        factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"]))
    newest = body(admin.call("GET", "/judgments?limit=1"), 200)
    (one,) = newest["judgments"]
    assert (one["verdict"], one["person"]["id"], one["gold"], one["right"]) == ("chosen", annotator.id, False, None)
    assert [(text["text"], text["best"], text["version"]) for text in one["candidates"]] == [
        ("a", True, 1),
        ("b", False, 1),
    ]
    older = body(admin.call("GET", f"/judgments?limit=1&before={newest['before']}"), 200)
    ids = [newest["judgments"][0]["id"], older["judgments"][0]["id"]]
    assert ids == sorted((row.id for row in rows(session, Judgment)), reverse=True)
    assert older["before"] is None


def test_the_pages_show_what_a_filter_finds_and_lead_on(session: Session, admin: Person) -> None:
    for number in range(60):
        prompt = factories.prompt(session, f"<b>text</b> {number}", queued=True, source="a & b")
        factories.judgment(session, factories.generation(session, admin.id, prompt=prompt), flagged=number == 7)
    browser = admin.browser()
    page = browser.get("/admin/data/judgments?flagged=yes").text
    assert "&lt;b&gt;text&lt;/b&gt; 7<" in page
    assert page.count("<article") == 1
    assert 'name="flagged" value="yes"' in page, "the export is of what was found"
    assert browser.get("/admin/data/judgments").text.count("<article") == 50
    page = browser.get("/admin/data/queue?state=all&source=a+%26+b").text
    assert page.count("<tr data-prompt") == 50
    assert "source=a+%26+b" in page
    assert "state must be one of" in browser.get("/admin/data/queue?state=lost").text
    assert "since must be a day" in browser.get("/admin/data/judgments?since=x").text
