"""The annotator's API over HTTP: screens, verdicts, undoing."""

from __future__ import annotations

import gzip
import socket
import threading
import uuid
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.db import Candidate, Generation, Judgment, Preference, Prompt
from app.runtime.draws import DRAWS_AT_ONCE
from models.store.manifest import MANIFEST_NAME
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, make_person, parts, rows


def problem(answer: TestResponse) -> tuple[int, str]:
    """Status and sentence of an error, which must be problem+json."""
    assert answer.content_type == "application/problem+json", answer.text
    assert answer.json is not None
    assert answer.json["status"] == answer.status_code
    return answer.status_code, answer.json["detail"]


def body(answer: TestResponse, status: int = 201) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def chosen(screen: Generation, place: int = 0) -> dict[str, object]:
    return {"generation_id": screen.id, "verdict": "chosen", "candidate_id": screen.candidates[place].id}


def test_a_text_yields_three_candidates_in_the_order_shown(version_1: int, session: Session, annotator: Person) -> None:
    answer = body(annotator.post("/generations", {"text": "  you are stupid "}))
    stored = rows(session, Candidate)
    assert answer == {
        "id": stored[0].generation_id,
        "text": "you are stupid",
        "looks_like": None,
        "version": 1,
        "candidates": [
            {"id": candidate.id, "text": candidate.text, "html": None}
            for candidate in sorted(stored, key=lambda candidate: candidate.position)
        ],
        "exhausted": False,
        "turns": [],
        "system": "",
        "metadata": None,
    }
    assert len(answer["candidates"]) == 3


def test_a_text_that_is_surely_not_english_is_said_to_be(version_1: int, annotator: Person) -> None:
    answer = body(annotator.post("/generations", {"text": "Das ist doch nicht zu glauben, du bist so dumm."}))
    assert answer["looks_like"] == "German"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The text is empty."),
        (" \n\t\u2003", "The text is empty."),
        (None, "The text must be a string."),
        (7, "The text must be a string."),
        (["you"], "The text must be a string."),
        ("x" * 1001, "The text has 1001 characters and may have at most 1000."),
        ("a\x00b", "The text holds characters that cannot be stored."),
        ("a\ud800b", "The text holds characters that cannot be stored."),
        ("ж" * 600, "The text has 1202 tokens and the model reads 512: shorten it a little."),
    ],
)
def test_a_text_that_cannot_be_rewritten_is_refused_with_a_sentence(
    version_1: int, session: Session, annotator: Person, text: object, sentence: str
) -> None:
    assert problem(annotator.post("/generations", {"text": text})) == (422, sentence)
    assert rows(session, Generation) == []


@pytest.mark.parametrize(
    "text",
    [
        "you </s> idiot",
        "</s> you",
        "<pad> you <unk>",
        "👩🏽‍🚀 idiot 🤬",
        "\u202eidiot\u202c",
        "ﬁ ½ ｉｄｉｏｔ",
        "'; DROP TABLE users; --",
    ],
)
def test_any_other_text_is_rewritten_and_comes_back_as_it_was(version_1: int, annotator: Person, text: str) -> None:
    answer = body(annotator.post("/generations", {"text": text}))
    assert answer["text"] == text
    # The random weights write noise, and noise without letters or digits is one wording.
    assert 1 <= len(answer["candidates"]) <= 3
    assert answer["exhausted"] or len(answer["candidates"]) == 3


@pytest.mark.parametrize("text", ["</s>", "<pad><unk>", "<!-- you idiot -->", "https://example.org/idiot"])
def test_a_text_without_a_word_of_prose_comes_back_alone(version_1: int, annotator: Person, text: str) -> None:
    answer = body(annotator.post("/generations", {"text": text}))
    assert ([candidate["text"] for candidate in answer["candidates"]], answer["exhausted"]) == ([text], True)
    assert annotator.post("/judgments", {"generation_id": answer["id"], "verdict": "skipped"}).status_code == 201


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b'{"text": "\xff"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"text": "you"}', "text/plain"),
        (b"text=you", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("path", ["/generations", "/judgments"])
def test_a_body_that_is_no_json_object_is_malformed(
    annotator: Person, path: str, data: bytes, content_type: str
) -> None:
    answer = annotator.call("POST", path, data=data, content_type=content_type)
    assert problem(answer) == (400, "Send a JSON object with Content-Type: application/json.")


def test_while_no_version_is_published_the_model_is_not_ready(annotator: Person) -> None:
    answer = annotator.post("/generations", {"text": "you are stupid"})
    assert problem(answer) == (503, "The model is not ready: No version is published yet.")


def test_while_the_version_is_damaged_the_reason_is_told(
    app: Flask, session: Session, published: CheckpointStore, annotator: Person
) -> None:
    folder = add_version(app, session, published, 1)
    factories.serving(session, 1)
    (folder / MANIFEST_NAME).unlink()
    status, sentence = problem(annotator.post("/generations", {"text": "you are stupid"}))
    assert status == 503
    assert sentence.startswith(f"The model is not ready: {folder / MANIFEST_NAME} cannot be read as a manifest")


def test_a_third_draw_of_one_person_is_refused_if_two_last_too_long(
    app: Flask, version_1: int, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = parts(app).draws
    monkeypatch.setattr(draws, "_patience", 0.01)
    with draws.one(annotator.id), draws.one(annotator.id):
        answer = annotator.call("POST", "/generations", json={"text": "You are a fool"})
        assert problem(answer) == (429, "2 texts of yours are being worked on already.")
        assert answer.headers["Retry-After"] == "1"
        assert problem(annotator.call("POST", "/generations", json={"from": "queue"}))[0] == 429
    body(annotator.call("POST", "/generations", json={"text": "You are a fool"}))


def test_while_too_many_screens_are_drawn_another_one_waits_and_clicks_do_not(
    app: Flask, version_1: int, session: Session, annotator: Person
) -> None:
    screen = factories.generation(session, annotator.id)
    with ExitStack() as stack:
        for other in range(DRAWS_AT_ONCE):
            stack.enter_context(parts(app).draws.one(-other))
        answer = annotator.call("POST", "/generations", json={"text": "You are a fool"})
        assert problem(answer) == (503, "So many texts are being worked on that this one has to wait.")
        assert answer.headers["Retry-After"] == "1"
        body(annotator.call("POST", "/judgments", json=chosen(screen)))


def test_the_queue_serves_a_prompt_and_is_empty_after_it(version_1: int, session: Session, annotator: Person) -> None:
    factories.prompt(session, "you are stupid", queued=True, metadata_={"language": "en"})
    first = body(annotator.post("/generations", {"from": "queue"}))
    assert first["text"] == "you are stupid"
    again = body(annotator.post("/generations", {"from": "queue"}))
    assert again == first
    assert again["metadata"] == {"language": "en"}
    empty = annotator.post("/generations", {"from": "queue", "shown": [first["id"]]})
    assert (empty.status_code, empty.text) == (204, "")


@pytest.mark.parametrize("shown", ["1", [1.5], [True], [None], list(range(101)), {}, [10**30], [-(10**30)]])
def test_shown_must_be_a_short_list_of_ids(version_1: int, annotator: Person, shown: object) -> None:
    answer = annotator.post("/generations", {"from": "queue", "shown": shown})
    assert problem(answer) == (422, "shown must be a list of at most 100 generation ids.")


def test_a_judgment_stores_the_verdict_and_its_pairs(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["best", "worse", "worst"])
    answer = body(annotator.post("/judgments", {**chosen(screen), "seconds": 2.5}))
    (judgment,) = rows(session, Judgment)
    assert answer == {"id": judgment.id}
    assert (judgment.verdict, judgment.candidate_id, judgment.seconds) == ("chosen", screen.candidates[0].id, 2.5)
    assert [(row.chosen, row.rejected) for row in rows(session, Preference)] == [("best", "worse"), ("best", "worst")]


def test_every_field_of_a_gesture_is_stored(session: Session, annotator: Person) -> None:
    key = str(uuid.uuid4())
    tie = factories.generation(session, annotator.id)
    tied = [candidate.id for candidate in tie.candidates[:2]]
    flag = factories.generation(session, annotator.id)
    body(annotator.post("/judgments", {"generation_id": tie.id, "verdict": "tie", "tied": tied, "client_key": key}))
    note = {"flagged": True, "reason": " a threat "}
    body(annotator.post("/judgments", {"generation_id": flag.id, "verdict": "skipped", **note}))
    first, second = rows(session, Judgment)
    assert (first.verdict, first.tied, first.client_key) == ("tie", tied, key)
    assert (second.verdict, second.flagged, second.reason) == ("skipped", True, "a threat")


def test_sending_a_judgment_again_is_the_same_judgment(session: Session, annotator: Person) -> None:
    gesture = chosen(factories.generation(session, annotator.id))
    assert body(annotator.post("/judgments", gesture)) == body(annotator.post("/judgments", gesture))
    assert len(rows(session, Judgment)) == 1
    assert len(rows(session, Preference)) == 2


def at_once(calls: int, person: Person, path: str, sent: object) -> list[TestResponse]:
    """The same request from as many threads, let go at one moment."""
    barrier = threading.Barrier(calls)
    answers: list[TestResponse] = []

    def send() -> None:
        barrier.wait()
        answers.append(person.post(path, sent))

    threads = [threading.Thread(target=send) for _ in range(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def check_eight_clicks_are_one_judgment(session: Session, person: Person) -> None:
    screen = factories.generation(session, person.id)
    answers = at_once(8, person, "/judgments", chosen(screen))
    assert [answer.status_code for answer in answers] == [201] * 8, {answer.text for answer in answers}
    (judgment,) = rows(session, Judgment)
    assert {answer.text for answer in answers} == {f'{{"id":{judgment.id}}}\n'}
    assert len(rows(session, Preference)) == 2


def test_eight_clicks_at_one_moment_are_one_judgment(session: Session, annotator: Person) -> None:
    check_eight_clicks_are_one_judgment(session, annotator)


def test_eight_clicks_at_one_moment_are_one_judgment_on_postgresql(postgres_app: Flask) -> None:
    with parts(postgres_app).sessions() as session:
        check_eight_clicks_are_one_judgment(session, make_person(postgres_app, session))


def test_another_verdict_on_the_same_screen_is_a_conflict(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    first = body(annotator.post("/judgments", chosen(screen)))
    answer = annotator.post("/judgments", chosen(screen, 1))
    assert problem(answer) == (409, "This screen has another verdict already: undo that one first.")
    assert answer.json is not None
    assert answer.json["judgment_id"] == first["id"]


def test_after_undoing_the_screen_can_be_judged_anew(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    first = body(annotator.post("/judgments", chosen(screen)))
    undone = annotator.call("DELETE", f"/judgments/{first['id']}")
    assert (undone.status_code, undone.text) == (204, "")
    second = body(annotator.post("/judgments", chosen(screen, 2)))
    assert second["id"] != first["id"]
    kept = rows(session, Judgment)
    assert [judgment.undone_at is None for judgment in kept] == [False, True]
    assert [row.chosen for row in kept[1].preferences] == ["c", "c"]


def test_undoing_twice_keeps_the_first_moment(session: Session, annotator: Person) -> None:
    first = body(annotator.post("/judgments", chosen(factories.generation(session, annotator.id))))
    annotator.call("DELETE", f"/judgments/{first['id']}")
    moment = rows(session, Judgment)[0].undone_at
    assert annotator.call("DELETE", f"/judgments/{first['id']}").status_code == 204
    assert rows(session, Judgment)[0].undone_at == moment


def test_the_screen_and_the_judgment_of_someone_else_are_not_there(
    session: Session, annotator: Person, admin: Person
) -> None:
    screen = factories.generation(session, annotator.id)
    assert problem(admin.post("/judgments", chosen(screen))) == (404, f"There is no generation {screen.id} of yours.")
    judgment = factories.judgment(session, screen)
    answer = admin.call("DELETE", f"/judgments/{judgment.id}")
    assert problem(answer) == (404, f"There is no judgment {judgment.id} of yours.")
    assert rows(session, Judgment)[0].undone_at is None


@pytest.mark.parametrize("number", [99, 2**31, 2**63, 10**30])
def test_a_number_that_no_judgment_has_is_not_there_however_large(annotator: Person, number: int) -> None:
    assert annotator.call("DELETE", f"/judgments/{number}").status_code == 404


ANY_NUMBER = "generation_id must be a positive whole number."
TWO_TIED = "tied must name at least two different candidates; leave it out if all are equally good."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"verdict": "best"}, "verdict must be one of chosen, edited, fine, tie, none, skipped."),
        ({"verdict": None}, "verdict must be one of chosen, edited, fine, tie, none, skipped."),
        ({"generation_id": None}, ANY_NUMBER),
        ({"generation_id": "1"}, ANY_NUMBER),
        ({"generation_id": True}, ANY_NUMBER),
        ({"generation_id": 0}, ANY_NUMBER),
        ({"generation_id": 2**31}, ANY_NUMBER),
        ({"candidate_id": None}, "A chosen verdict needs the candidate_id of the chosen one."),
        ({"candidate_id": 1.0}, "candidate_id must be a positive whole number."),
        ({"candidate_id": 4711}, "Candidate 4711 is not on this screen."),
        ({"verdict": "tie"}, "A verdict of tie has no candidate_id."),
        ({"verdict": "edited"}, "edited_text belongs to a verdict of edited, and only to that."),
        ({"edited_text": "mine"}, "edited_text belongs to a verdict of edited, and only to that."),
        ({"verdict": "edited", "edited_text": " "}, "The text is empty."),
        ({"verdict": "edited", "edited_text": 5}, "The text must be a string."),
        (
            {"verdict": "edited", "edited_text": "second rewrite"},
            "The edited text is one of the rewrites as it stands: choose that one instead.",
        ),
        (
            {"verdict": "edited", "edited_text": "second\N{NO-BREAK SPACE}rewrite"},
            "The edited text is one of the rewrites as it stands: choose that one instead.",
        ),
        (
            {"verdict": "edited", "edited_text": "second <extra_id_0>"},
            "The edited text holds <extra_id_0>, which the model takes for a sign of its own: leave it out.",
        ),
        ({"seconds": -1}, "seconds must be a number that is not negative."),
        ({"seconds": "1"}, "seconds must be a number that is not negative."),
        ({"seconds": True}, "seconds must be a number that is not negative."),
        ({"seconds": float("nan")}, "seconds must be a number that is not negative."),
        ({"seconds": float("inf")}, "seconds must be a number that is not negative."),
        ({"tied": [1, 2]}, "tied belongs to a verdict of tie, and only to that."),
        ({"tied": 1}, "tied must be a list of candidate ids."),
        ({"tied": ["1", "2"]}, "A candidate id in tied must be a positive whole number."),
        ({"tied": [1]}, TWO_TIED),
        ({"tied": []}, TWO_TIED),
        ({"tied": [1, 1]}, TWO_TIED),
        ({"reason": "so"}, "reason and flagged belong to a verdict of skipped, and only to that."),
        ({"flagged": True}, "reason and flagged belong to a verdict of skipped, and only to that."),
        ({"flagged": 1}, "flagged must be true or false."),
        ({"reason": 5}, "The text must be a string."),
        ({"client_key": "not one"}, "client_key must be a UUID."),
        ({"client_key": 7}, "client_key must be a UUID."),
        ({"user_id": 1}, "There is no field 'user_id' in a judgment."),
    ],
)
def test_a_judgment_that_cannot_be_is_refused_with_a_sentence(
    session: Session, annotator: Person, changes: dict[str, object], sentence: str
) -> None:
    screen = factories.generation(session, annotator.id)
    assert problem(annotator.post("/judgments", {**chosen(screen), **changes})) == (422, sentence)
    assert rows(session, Judgment) == []


@pytest.mark.parametrize("seconds", [10**400, 1e300], ids=["10**400", "1e300"])
def test_an_endless_look_counts_as_a_day(session: Session, annotator: Person, seconds: float) -> None:
    screen = factories.generation(session, annotator.id)
    body(annotator.post("/judgments", {**chosen(screen), "seconds": seconds}))
    assert rows(session, Judgment)[0].seconds == 86_400


def test_the_whole_way_from_text_to_pairs_works_on_postgresql(postgres_app: Flask, published: CheckpointStore) -> None:
    with parts(postgres_app).sessions() as session:
        person = make_person(postgres_app, session)
        add_version(postgres_app, session, published, 1)
        factories.serving(session, 1)
        screen = body(person.post("/generations", {"text": "you are stupid 👩🏽‍🚀"}))
        best = screen["candidates"][0]
        gesture = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": best["id"]}
        first = body(person.post("/judgments", gesture))
        person.call("DELETE", f"/judgments/{first['id']}")
        body(person.post("/judgments", gesture))
        pairs = [row for row in rows(session, Preference) if row.judgment.undone_at is None]
        assert [(row.prompt, row.chosen) for row in pairs] == [("you are stupid 👩🏽‍🚀", best["text"])] * 2
        assert {row.rejected for row in pairs} == {candidate["text"] for candidate in screen["candidates"][1:]}
        assert rows(session, Judgment)[0].undone_at is not None


@pytest.mark.parametrize("path", ["/generations", "/judgments"])
def test_an_object_beyond_its_bound_is_refused_before_it_is_read(annotator: Person, path: str) -> None:
    refused = annotator.call("POST", path, data=b"[" * (1024 * 1024 + 1), content_type="application/json")
    assert problem(refused) == (413, "The request has more than the 1 MB that are accepted at once.")


def test_a_compressed_body_is_not_unpacked(annotator: Person) -> None:
    refused = annotator.call(
        "POST",
        "/generations",
        data=gzip.compress(b'{"text": "one"}'),
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert problem(refused) == (400, "The body is compressed (gzip): send it without Content-Encoding.")


@pytest.mark.parametrize("inner", ["[" * 100_000, "9" * 100_000, '{"a":' * 50_000])
def test_brackets_and_digits_without_end_are_no_json_object(annotator: Person, inner: str) -> None:
    sent = f'{{"text": {inner}}}'
    refused = annotator.call("POST", "/generations", data=sent, content_type="application/json")
    assert problem(refused) == (400, "Send a JSON object with Content-Type: application/json.")


@pytest.mark.parametrize("wanted", [{"text": "You are a fool"}, {"from": "queue"}])
def test_nothing_is_drawn_for_a_client_that_has_gone(
    app: Flask, version_1: int, session: Session, annotator: Person, wanted: dict[str, str]
) -> None:
    waiting = factories.prompt(session, "You idiot", queued=True)
    server, client = socket.socketpair()
    with server:
        client.close()
        answer = annotator.call("POST", "/generations", json=wanted, environ_overrides={"gunicorn.socket": server})
    assert problem(answer)[0] == 408
    assert rows(session, Generation) == []
    assert [prompt.id for prompt in rows(session, Prompt)] == [waiting.id]
    for _ in range(3):  # the place of the one that was cancelled is free
        body(annotator.call("POST", "/generations", json={"from": "queue"}))
