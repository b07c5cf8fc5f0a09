"""The admin's API for prompts over HTTP."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, rows


def test_prompts_are_imported_in_the_format_that_the_content_type_names(session: Session, admin: Person) -> None:
    answer = admin.call("POST", "/prompts", data="text\none\n\ntwo\n", content_type="text/csv; charset=utf-8")
    assert body(answer) == {"added": 2, "duplicates": 0, "systems": 0, "rejected": []}
    answer = admin.post("/prompts", ["two", "three", 4])
    refused = [{"line": 3, "reason": "The row is neither a text nor an object."}]
    expected = {"added": 1, "duplicates": 1, "systems": 0, "rejected": refused}
    assert body(answer) == expected
    assert [row.text for row in rows(session, Prompt)] == ["one", "two", "three"]
    assert [event.user_id for event in rows(session, AuditEvent)] == [admin.id, admin.id]


def test_a_file_that_cannot_be_read_is_malformed(admin: Person) -> None:
    answer = admin.call("POST", "/prompts", data=b"\xff", content_type="text/csv")
    assert problem(answer) == (400, "The first line must name a column text, prompt or toxic.")


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
        ("state=lost", "state must be one of queue, gold, judged, skipped, out, all."),
        ("limit=0", "limit must be a positive whole number."),
        ("after_id=1", "A place in the queue is named by after_id and after_priority together."),
    ):
        assert problem(admin.call("GET", f"/prompts?{query}")) == (422, sentence)


def test_metadata_are_sent_shown_and_filtered_by(admin: Person) -> None:
    german = {"text": "eins", "metadata": {"language": "de", "id": 1}}
    admin.post("/prompts", [german, {"text": "one", "metadata": {"language": "en"}}, "untold"])
    found = body(admin.call("GET", "/prompts", query_string={"metadata": "language = de"}), 200)["prompts"]
    assert [(one["text"], one["metadata"]) for one in found] == [("eins", {"language": "de", "id": 1})]
    changed = admin.call("PATCH", "/prompts", query_string={"metadata": "language=en"}, json={"queued": False})
    assert body(changed, 200) == {"changed": 1}
    sentence = "Write what the metadata must be as name = value, such as language = de."
    assert problem(admin.call("GET", "/prompts?metadata=de")) == (422, sentence)


def test_the_page_shows_metadata_and_filters_by_them(admin: Person) -> None:
    admin.post("/prompts", [{"text": "eins", "metadata": {"language": "de"}}, {"text": "one", "metadata": {"id": 7}}])
    page = admin.browser().get("/admin/data/queue?metadata=language+%3D+de").text
    assert "<dt>language</dt>" in page
    assert 'value="language = de"' in page
    assert "<dt>id</dt>" not in page


def test_a_prompt_is_deleted_with_all_that_was_made_of_it(admin: Person, annotator: Person, session: Session) -> None:
    prompt = factories.prompt(session)
    factories.judgment(session, factories.generation(session, annotator.id, prompt=prompt))
    number = prompt.id
    wrong = admin.call("DELETE", f"/prompts/{number}?confirm={number + 1}")
    assert (wrong.status_code, wrong.json and wrong.json["detail"]) == (
        422,
        f"Type {number} to confirm that prompt {number} shall be deleted.",
    )
    done = admin.call("DELETE", f"/prompts/{number}?confirm={number}")
    assert done.json == {"screens": 1, "rewrites": 3, "judgments": 1, "people": 1, "pairs": 2}
    assert rows(session, Prompt) == []
    assert admin.call("DELETE", f"/prompts/{number}?confirm={number}").status_code == 404
