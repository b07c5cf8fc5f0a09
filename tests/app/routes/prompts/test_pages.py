"""The pages on which prompts are deleted, and the changes of those that were selected in the queue."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import AuditEvent, Generation, Prompt
from app.services.prompts import deletion
from app.services.prompts.deletion import Gone
from app.services.system import deletions
from tests import factories
from tests.studio import Person, rows


def test_the_page_says_what_goes_and_the_prompt_is_gone_once_its_id_is_typed(
    admin: Person, annotator: Person, session: Session
) -> None:
    prompt = factories.prompt(session, "a text of somebody", queued=True)
    factories.judgment(session, factories.generation(session, annotator.id, prompt=prompt))
    browser, path = admin.browser(), f"/admin/data/prompts/{prompt.id}/delete"
    assert path in browser.get("/admin/data/queue?state=all").text
    page = browser.get(path).text
    for said in (
        "a text of somebody",
        "<strong>1</strong> screen",
        "<strong>3</strong> rewrites",
        "1</strong> judgment",
    ):
        assert said in page
    wrong = browser.submit(path, {"confirm": ""}, page=path)
    assert (wrong.status_code, f"Type {prompt.id} to confirm" in wrong.text) == (422, True)
    done = browser.submit(path, {"confirm": str(prompt.id)}, page=path, follow_redirects=True)
    assert f"Prompt {prompt.id} and all that was made of it are deleted." in done.text
    assert (rows(session, Prompt), rows(session, Generation)) == ([], [])
    assert browser.get(path).status_code == 404


def test_selected_prompts_are_changed_and_the_view_stays(admin: Person, session: Session) -> None:
    ids = [factories.prompt(session, queued=True).id for _ in range(3)]
    browser, path, view = admin.browser(), "/admin/data/queue/selected", "state=queue&sort=-text"

    def change(which: list[int], **form: str) -> str:
        answer = browser.submit(path, {"id": which, "view": view, **form}, "/admin/data/queue")
        assert answer.headers["Location"] == f"/admin/data/queue?{view}"
        return browser.get(answer.headers["Location"]).text

    assert "2 prompts are changed." in change(ids[:2], do="priority", priority="7")
    assert "1 prompt is changed." in change(ids[2:], do="overlap", overlap="3")
    assert "1 prompt is changed." in change(ids[:1], do="out")
    assert "No prompt was changed: select some rows first." in change([], do="out")
    assert "The priority must be a whole number, not &#39;high&#39;." in change(ids, do="priority", priority="high")
    assert "The overlap must be between 1 and 20." in change(ids, do="overlap", overlap="99")
    assert "Say what is to change" in change(ids, do="magic")
    assert [(row.priority, row.overlap, row.queued) for row in rows(session, Prompt)] == [
        (7, None, False),
        (7, None, True),
        (0, 3, True),
    ]
    assert rows(session, AuditEvent)[-1].details == {"which": {"ids": ids[:1]}, "to": {"queued": False}, "prompts": 1}


def test_selected_prompts_are_deleted_once_their_number_is_typed(admin: Person, session: Session) -> None:
    ids = [factories.prompt(session, f"text {number}", queued=True).id for number in range(3)]
    browser = admin.browser()
    asked = browser.submit("/admin/data/queue/selected", {"id": ids[:2], "do": "delete"}, "/admin/data/queue")
    path = asked.headers["Location"]
    assert path == f"/admin/data/prompts/delete?id={ids[0]}&id={ids[1]}"
    page = browser.get(path).text
    assert ("text 0" in page, "text 2" in page) == (True, False)
    wrong = browser.submit("/admin/data/prompts/delete", {"id": ids[:2], "confirm": "3"}, path)
    assert (wrong.status_code, "Type 2 to confirm" in wrong.text) == (422, True)
    assert len(rows(session, Prompt)) == 3
    done = browser.submit("/admin/data/prompts/delete", {"id": ids[:2], "confirm": "2"}, path, follow_redirects=True)
    assert "2 prompts and all that was made of them are deleted." in done.text
    assert [row.text for row in rows(session, Prompt)] == ["text 2"]
    assert browser.get(path).status_code == 404


def test_what_was_deleted_before_somebody_else_took_the_next_one_leaves_nothing_behind(
    admin: Person, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (factories.prompt(session, text=text, queued=True).id for text in ("an early one", "a late one"))
    real, finished = deletion.delete_prompt, list[str]()

    def raced(own: Session, by: int, prompt_id: int, confirmed: object) -> Gone:
        if prompt_id == second:
            real(own, by, prompt_id, confirmed)
        return real(own, by, prompt_id, confirmed)

    def finish(_: object, __: object, texts: list[str]) -> str:
        finished.extend(texts)
        return ""

    monkeypatch.setattr(deletion, "delete_prompt", raced)
    monkeypatch.setattr(deletions, "finish", finish)
    page = f"/admin/data/prompts/delete?id={first}&id={second}"
    answer = admin.browser().submit("/admin/data/prompts/delete", {"id": [first, second], "confirm": "2"}, page)
    assert (answer.status_code, rows(session, Prompt)) == (404, [])
    assert finished == ["an early one", "a late one"]


def test_more_rows_than_a_page_has_cannot_be_selected(admin: Person) -> None:
    answer = admin.browser().submit(
        "/admin/data/queue/selected", {"id": list(range(1, 102)), "do": "out"}, "/admin/data/queue"
    )
    assert (answer.status_code, "At most 100 rows can be selected at once." in answer.text) == (400, True)


def test_annotators_may_not(annotator: Person, session: Session) -> None:
    prompt = factories.prompt(session)
    assert annotator.browser().get(f"/admin/data/prompts/{prompt.id}/delete").status_code == 403
    assert annotator.call("DELETE", f"/prompts/{prompt.id}?confirm={prompt.id}").status_code == 403
    assert len(rows(session, Prompt)) == 1


def test_the_tables_tell_what_was_said_before_a_prompt(admin: Person, session: Session) -> None:
    turns = [{"role": "user", "content": "I am Ada."}, {"role": "assistant", "content": "Hello!"}]
    prompt = factories.prompt(session, "Who am I?", turns=turns, queued=True)
    factories.judgment(session, factories.generation(session, admin.id, prompt=prompt))
    browser = admin.browser()
    for path in ("/admin/data/queue?state=all", "/admin/data/judgments"):
        page = browser.get(path).text
        assert all(said in page for said in ("2 turns before", "I am Ada.", "Hello!"))
    assert "I am Ada." in browser.get(f"/admin/data/prompts/{prompt.id}/delete").text
    told = admin.call("GET", "/prompts?state=all").get_json()
    assert told["prompts"][0]["turns"] == turns
