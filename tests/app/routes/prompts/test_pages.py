"""The page on which a prompt is deleted."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import Generation, Prompt
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


def test_annotators_may_not(annotator: Person, session: Session) -> None:
    prompt = factories.prompt(session)
    assert annotator.browser().get(f"/admin/data/prompts/{prompt.id}/delete").status_code == 403
    assert annotator.call("DELETE", f"/prompts/{prompt.id}?confirm={prompt.id}").status_code == 403
    assert len(rows(session, Prompt)) == 1
