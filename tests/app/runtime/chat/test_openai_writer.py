"""A Writer for servers of the OpenAI protocol, against a real server on loopback that does what a test says."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.runtime.chat.openai_writer import OpenAIWriter
from models.chat.conversation import Message
from models.chat.writing import Again, Answer, AnswerRequest, Piece, Written
from models.model_errors import AnswersRefused, ModelError, WriterAway, WriterBusy

KEY = "sk-very-secret-key"
REQUEST = AnswerRequest((Message("system", "Be brief."), Message("user", "Grüß?")), count=3, max_tokens=20, seed=5)
Does = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request, and ways to answer it."""

    said: dict[str, Any]

    def do_POST(self) -> None:
        server: Any = self.server
        self.said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append((self.path, self.headers["Authorization"], self.said))
        server.does(self)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def begin(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def event(self, said: object) -> None:
        self.wfile.write(f"data: {said if isinstance(said, str) else json.dumps(said)}\n\n".encode())

    def piece(self, index: int, text: str, ended: str | None = None) -> None:
        self.event({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": ended}]})


class Server:
    """A running server: its address and what it was asked."""

    def __init__(self, does: Does) -> None:
        server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked, server.does = [], does
        self._server = server
        self.asked: list[tuple[str, str, dict[str, Any]]] = server.asked
        self.base = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def writer_of(does: Does, **limits: float) -> Iterator[tuple[OpenAIWriter, Server]]:
    with Server(does) as server:
        yield OpenAIWriter(server.base, KEY, "small", **limits), server


def texts(events: list[Any]) -> list[tuple[int, str, str]]:
    return [(one.answer, one.text, one.ended) for one in events if isinstance(one, Answer)]


def stream_all(handler: Handler) -> None:
    """As many answers as were asked for, in turns."""
    handler.begin()
    handler.event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    for index in range(handler.said["n"]):
        handler.piece(index, f" Hi {index} ")
    for index in range(handler.said["n"]):
        handler.piece(index, "there. ", "stop" if index else "length")
    handler.event("[DONE]")


def test_answers_stream_in_turns_and_the_request_is_the_protocol_s() -> None:
    with writer_of(stream_all) as (writer, server):
        events = list(writer.write(REQUEST))
    assert [event for event in events if isinstance(event, Piece)] == [
        *(Piece(index, f"Hi {index} ") for index in range(3)),
        *(Piece(index, "there. ") for index in range(3)),
    ]
    assert texts(events) == [(0, "Hi 0 there.", "length"), (1, "Hi 1 there.", "stop"), (2, "Hi 2 there.", "stop")]
    assert events[-1] == Written("small")
    [(path, key, said)] = server.asked
    assert (path, key) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert said == {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüß?"}],
        "n": 3,
        "stream": True,
        "max_tokens": 20,
        "temperature": 0.8,
        "top_p": 0.95,
        "seed": 5,
    }


def test_a_server_that_ignores_n_is_asked_for_each_answer() -> None:
    def one(handler: Handler) -> None:
        handler.begin()
        handler.piece(0, f"Answer {handler.said['seed']}", "stop")
        handler.event("[DONE]")

    with writer_of(one) as (writer, server):
        assert texts(list(writer.write(REQUEST))) == [(at, f"Answer {5 + at}", "stop") for at in range(3)]
    assert [said["n"] for _, _, said in server.asked] == [3, 1, 1]


def test_an_answer_that_equals_another_is_asked_for_again_a_bounded_number_of_times() -> None:
    def same(handler: Handler) -> None:
        handler.begin()
        for index in range(handler.said["n"]):
            handler.piece(index, "Same", "stop")
        handler.event("[DONE]")

    with writer_of(same) as (writer, server):
        events = list(writer.write(replace(REQUEST, count=2)))
    assert events.count(Again(1)) == 2
    assert len(server.asked) == 3
    assert texts(events) == [(0, "Same", "stop"), (1, "Same", "stop")]


def test_a_server_that_does_not_stream_tells_each_answer_in_one_piece() -> None:
    def whole(handler: Handler) -> None:
        handler.begin(kind="application/json")
        choices = [{"index": at, "message": {"content": f"No {at}\0"}, "finish_reason": "stop"} for at in range(3)]
        handler.wfile.write(json.dumps({"choices": choices}).encode())

    with writer_of(whole) as (writer, _):
        assert texts(list(writer.write(REQUEST))) == [(at, f"No {at}", "stop") for at in range(3)]


def test_a_character_in_two_halves_is_told_whole() -> None:
    def halves(handler: Handler) -> None:
        handler.begin()
        for part, ended in (("a\ud83d", None), ("\ude00b", "stop")):
            handler.piece(0, part, ended)
        handler.event("[DONE]")

    with writer_of(halves) as (writer, _):
        events = list(writer.write(replace(REQUEST, count=1)))
    assert [event.text for event in events if isinstance(event, Piece)] == ["a", "😀b"]


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "sentence"),
    [
        (401, {}, f"Incorrect API key provided: {KEY}", WriterAway, "does not accept the key (status 401)"),
        (404, {}, f'{{"error": {{"message": "No model. {KEY}"}}}}', AnswersRefused, "(status 404): No model. …"),
        (429, {"Retry_After": "7"}, "slow down", WriterBusy, "ask again in 7 seconds"),
        (503, {"Retry_After": "3"}, "", WriterBusy, "ask again in 3 seconds"),
        (429, {}, "", WriterBusy, "ask again in 10 seconds"),
        (500, {}, KEY, WriterAway, "failed (status 500)"),
        (302, {"Location": "http://elsewhere.example/"}, "", WriterAway, "failed (status 302)"),
    ],
)
def test_an_error_is_a_sentence_that_never_holds_the_key(
    status: int,
    headers: dict[str, str],
    body: str,
    kind: type[ModelError],
    sentence: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(handler: Handler) -> None:
        handler.begin(status, "application/json", **headers)
        handler.wfile.write(body.encode())

    caplog.set_level(logging.DEBUG)
    with writer_of(refuse) as (writer, _), pytest.raises(kind) as raised:
        list(writer.write(REQUEST))
    assert sentence in str(raised.value)
    assert KEY not in str(raised.value) + caplog.text


def test_a_date_says_when_to_ask_again_as_well() -> None:
    def busy(handler: Handler) -> None:
        handler.begin(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True))

    with writer_of(busy) as (writer, _), pytest.raises(WriterBusy) as raised:
        list(writer.write(REQUEST))
    assert 35 <= raised.value.retry_after <= 41


@pytest.mark.parametrize("what", ["nothing", "error", "no JSON"])
def test_a_stream_that_breaks_in_the_middle_is_told_after_what_was_written(what: str) -> None:
    def break_off(handler: Handler) -> None:
        handler.begin()
        handler.piece(0, "Half an ans")
        if what != "nothing":
            handler.event({"error": {"message": "overloaded"}} if what == "error" else "{")

    with writer_of(break_off) as (writer, _):
        events = writer.write(REQUEST)
        assert next(events) == Piece(0, "Half an ans")
        with pytest.raises(WriterAway, match=r"in the middle of an answer|not understood"):
            next(events)


def test_an_answer_that_is_withheld_is_a_refusal() -> None:
    def withhold(handler: Handler) -> None:
        handler.begin()
        handler.piece(0, "", "content_filter")

    with writer_of(withhold) as (writer, _), pytest.raises(AnswersRefused, match="did not finish an answer: content_f"):
        list(writer.write(REQUEST))


@pytest.mark.parametrize("limits", [{"silence": 0.1}, {"whole": 0.1}])
def test_a_server_that_is_silent_is_waited_for_only_so_long(limits: dict[str, float]) -> None:
    over = threading.Event()

    def hang(handler: Handler) -> None:
        handler.begin()
        handler.piece(0, "Well")
        over.wait(10)

    with writer_of(hang, **limits) as (writer, _):
        with pytest.raises(WriterAway, match="did not answer in time"):
            list(writer.write(REQUEST))
        over.set()


def test_a_server_that_says_no_more_than_that_it_is_alive_is_waited_for_only_so_long() -> None:
    over = threading.Event()

    def keep_alive(handler: Handler) -> None:
        handler.begin()
        handler.piece(0, "Well")
        with suppress(OSError):  # once the writer has closed the connection
            for _ in range(200):
                handler.wfile.write(b": alive\n\n")
                over.wait(0.01)

    with writer_of(keep_alive, whole=0.2) as (writer, _):
        with pytest.raises(WriterAway, match="did not answer in time"):
            list(writer.write(REQUEST))
        over.set()


def test_a_server_that_is_not_there_and_what_the_protocol_lacks_are_sentences() -> None:
    with Server(stream_all) as server:
        base = server.base
    with pytest.raises(WriterAway, match="cannot be reached: ConnectionRefusedError"):
        list(OpenAIWriter(base, "", "small").write(REQUEST))
    with pytest.raises(AnswersRefused, match="has no top_k"):
        list(OpenAIWriter(base, "", "small").write(replace(REQUEST, top_k=3)))
