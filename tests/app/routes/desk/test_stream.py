"""A project that answers, from its creation to a click, with a real generation process and a tiny model."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import Candidate, Generation, Judgment, Preference, Project, ProjectRole, enter
from app.services.projects import memberships
from app.services.prompts import prompts, studio_settings
from tests.app.runtime.chat.chat_process import ChatProcess
from tests.app.runtime.test_background import wait_until
from tests.studio import Person, make_person, parts, rows

STREAM = {"Accept": "text/event-stream"}
TURNS = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatProcess]:
    """A process that runs for all tests of the file."""
    found = ChatProcess(tmp_path_factory.mktemp("chat"))
    with found.running():
        yield found


@pytest.fixture
def settings(settings: Any, chat: ChatProcess) -> Any:
    return chat.settings(settings)


@pytest.fixture
def project(app: Flask, session: Session, version_1: int, admin: Person) -> Project:
    """A project that answers, which the test's session is of; its answers are short."""
    made = admin.post("/projects", {"name": "Help", "task": "answering"})
    assert made.status_code == 201, made.text
    assert made.json is not None
    assert made.json["task"] == "answering"
    session.rollback()  # an older snapshot
    found = session.get_one(Project, made.json["id"])
    enter(session, found.id)
    studio_settings.change(session, admin.id, {"answer_tokens": 16, "system_message": "Be brief."})
    return found


def call(person: Person, path: str, body: object, **headers: str) -> TestResponse:
    """A request to the API of the project."""
    sent = {"Authorization": f"Bearer {person.token}", **headers}
    return person.app.test_client().post(f"/p/help/api/v1{path}", json=body, headers=sent)


def events(answer: TestResponse) -> list[tuple[str, Any]]:
    """The events of a stream."""
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream"), answer.text
    blocks = [block.split("\n") for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def of_screen(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def written(told: list[tuple[str, Any]]) -> list[str]:
    """The answers as somebody who hears the stream has them at its end."""
    texts: dict[int, str] = {}
    for name, data in told:
        if name == "again":
            texts[data["answer"]] = ""
        elif name == "piece":
            texts[data["answer"]] = texts.get(data["answer"], "") + data["text"]
    return [texts[place].rstrip() for place in sorted(texts)]


def test_answers_are_streamed_and_stored_in_their_order_and_a_click_counts(
    session: Session, project: Project, admin: Person
) -> None:
    answer = call(admin, "/generations", {"text": " Why? ", "turns": TURNS}, **STREAM)
    assert (answer.headers["X-Accel-Buffering"], answer.headers["Cache-Control"]) == ("no", "no-store")
    told = events(answer)
    assert told[0] == ("begun", {"text": "Why?", "turns": TURNS, "system": "Be brief."})
    name, screen = told[-1]
    assert (name, screen["text"], screen["turns"], screen["system"]) == ("screen", "Why?", TURNS, "Be brief.")
    assert [card["text"] for card in screen["candidates"]] == written(told)
    assert all(card["html"].startswith("<") for card in screen["candidates"])
    [generation] = rows(session, Generation)
    assert [(one.text, one.features, one.log_probability < 0) for one in generation.candidates] == [
        (card["text"], None, True) for card in screen["candidates"]
    ]
    assert generation.sampling["ended"] == ["length"] * 3
    assert generation.prompt.turns == TURNS

    said = {"generation_id": screen["id"], "verdict": "fine"}
    refused = call(admin, "/judgments", said)
    assert (refused.status_code, "fine as it is" in refused.text) == (422, True)
    said |= {"verdict": "chosen", "candidate_id": screen["candidates"][1]["id"]}
    assert call(admin, "/judgments", said).status_code == 201
    assert len(rows(session, Preference)) == 2
    assert [one.verdict for one in rows(session, Judgment)] == ["chosen"]


def test_without_a_stream_the_same_screen_comes_at_once(session: Session, project: Project, admin: Person) -> None:
    screen = of_screen(call(admin, "/generations", {"text": "Why?"}))
    assert (len(screen["candidates"]), screen["turns"], screen["system"]) == (3, [], "Be brief.")
    assert (screen["version"], screen["looks_like"]) == (2, None)
    swapped = [TURNS[1], TURNS[0]]
    for wrong, sentence in (
        ({"text": "Why?", "turns": swapped}, "is expected"),
        ({"text": "Why?", "turns": TURNS[:1]}, "is expected"),
        ({"from": "queue", "turns": TURNS}, "Send turns with the text"),
        ({"text": "Why? " * 600}, "begin a new conversation"),
    ):
        refused = call(admin, "/generations", wrong)
        assert (refused.status_code, sentence in refused.text) == (422, True), refused.text
    assert len(rows(session, Generation)) == 1


def test_the_queue_shows_several_people_the_same_answers(
    app: Flask, session: Session, project: Project, admin: Person
) -> None:
    other = make_person(app, session)
    memberships.begin(session, other.id, {project.id: ProjectRole.ANNOTATOR})
    prompt = prompts.find_or_add(session, "Why?", "test", TURNS)
    prompt.queued, prompt.overlap = True, 2
    session.commit()
    first = events(call(admin, "/generations", {"from": "queue"}, **STREAM))
    second = events(call(other, "/generations", {"from": "queue"}, **STREAM))
    assert first[0][0] == "begun"
    assert [name for name, _ in second] == ["screen"], "it was written before"
    assert {card["text"] for card in first[-1][1]["candidates"]} == {
        card["text"] for card in second[-1][1]["candidates"]
    }
    assert second[-1][1]["turns"] == TURNS
    shown = {"from": "queue", "shown": [first[-1][1]["id"]]}
    assert events(call(admin, "/generations", shown, **STREAM)) == [("nothing", {})]
    assert call(admin, "/generations", shown).status_code == 204


def test_a_client_that_leaves_cancels_and_nothing_is_stored(
    app: Flask, session: Session, project: Project, admin: Person, chat: ChatProcess
) -> None:
    studio_settings.change(session, admin.id, {"answer_tokens": 400})
    headers = {"Authorization": f"Bearer {admin.token}", **STREAM}
    answer = app.test_client().post("/p/help/api/v1/generations", json={"text": "Why?"}, headers=headers)
    stream = iter(answer.response)
    assert b"event: begun" in next(stream)
    answer.close()
    wait_until(lambda: not any(thread.name == "answers" for thread in threading.enumerate()))
    assert not rows(session, Generation)
    assert not app.extensions["mellow"].chat_draws._inside


def test_while_the_process_is_away_it_is_said_and_nothing_is_stored(
    app: Flask, session: Session, project: Project, admin: Person
) -> None:
    assert call(admin, "/generations", {"text": "Why?"}).status_code == 201
    parts(app).settings.chat_socket.unlink()
    refused = call(admin, "/generations", {"text": "Why not?"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert "not running" in refused.text
    [begun, (name, problem)] = events(call(admin, "/generations", {"text": "Why not?"}, **STREAM))
    assert (begun[0], name, problem["status"], problem["retry_after"]) == ("begun", "problem", 503, 2)
    assert [one.prompt.text for one in rows(session, Generation)] == ["Why?"]


def test_another_version_takes_over_and_no_request_is_dropped(
    app: Flask, session: Session, project: Project, admin: Person, chat: ChatProcess
) -> None:
    assert of_screen(call(admin, "/generations", {"text": "Why?"}))["version"] == 2
    number = chat.publish_adapter(app, session, project.id, 2)
    screens: list[dict[str, Any]] = []

    def ask() -> None:
        while not screens or screens[-1]["version"] != number:
            screens.append(of_screen(call(admin, "/generations", {"text": "Why?"})))

    with ExitStack() as stack:
        asking = threading.Thread(target=ask)
        asking.start()
        stack.callback(asking.join, 60)
        headers = {"Authorization": f"Bearer {admin.token}"}
        moved = app.test_client().put("/p/help/api/v1/aliases/serving", json={"version": number}, headers=headers)
        assert moved.status_code == 200, moved.text
    assert not asking.is_alive()
    assert {screen["version"] for screen in screens} <= {2, number}
    assert {one.version_number for one in rows(session, Candidate)} <= {2, number}
    refused = app.test_client().delete("/p/help/api/v1/versions/2?confirm=2", headers=headers)
    assert (refused.status_code, "holds the chat model of version" in refused.text) == (409, True)


def test_whoever_is_not_in_the_project_hears_nothing(project: Project, annotator: Person, version_1: int) -> None:
    assert call(annotator, "/generations", {"text": "Why?"}, **STREAM).status_code == 404
    rewritten = annotator.call("POST", "/generations", json={"text": "you are stupid"}, headers=STREAM)
    screen = of_screen(rewritten)
    assert (screen["turns"], screen["system"], screen["candidates"][0]["html"]) == ([], "", None)
    refused = annotator.post("/generations", {"text": "you are stupid", "turns": TURNS})
    assert (refused.status_code, "takes turns" in refused.text) == (422, True)


def test_the_desk_knows_the_task_and_the_settings_are_those_of_answers(
    session: Session, project: Project, admin: Person
) -> None:
    browser = admin.browser()
    page = browser.get("/p/help/annotate").text
    assert 'data-task="answering"' in page
    assert 'data-only-english="false"' in page
    assert 'data-task="rewriting"' in browser.get("/annotate").text
    settings = browser.get("/p/help/admin/guidelines").text
    assert "Be brief." in settings
    assert "What makes an answer good" in settings
    assert "system_message" not in browser.get("/admin/guidelines").text
    form: dict[str, Any] = {
        "overlap": 1,
        "most_skips": 3,
        "gold_every": 20,
        "break_minutes": 45,
        "question": "best_of_two",
        "tags": "",
    }
    seen = re.search('name="seen" value="([^"]+)"', settings)
    assert seen is not None
    form |= {"guidelines": "Be kind.", "seen": seen[1], "system_message": "Say little.", "answer_tokens": 15}
    place = "/p/help/admin/guidelines"
    refused = browser.submit(place, form, page=place)
    assert (refused.status_code, "Say little." in refused.text) == (422, True)
    assert browser.submit(place, form | {"answer_tokens": 20}, page=place).status_code == 302
    session.rollback()  # an older snapshot
    decided = studio_settings.settings(session)
    assert (decided.system_message, decided.answer_tokens, decided.cards) == ("Say little.", 20, 2)
