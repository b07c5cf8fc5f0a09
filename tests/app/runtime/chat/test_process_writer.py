"""The client of the generation process, against a socket whose other side does what a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from app.runtime.chat.process_writer import ProcessWriter
from models.chat import wire
from models.chat.answers import ChatGenerator
from models.chat.conversation import Message
from models.chat.source import Named
from models.chat.writing import Again, Answer, AnswerRequest, Event, Piece, Written
from models.model_errors import AnswersRefused, LoadError, NoLongerWanted, WriterAway, WriterBusy
from models.serving.generator import Sampling

REQUEST = AnswerRequest((Message("user", "Grüß Gott?"),), count=2, seed=5)
EVENTS: list[Event] = [
    Piece(0, "Hallo "),
    Piece(1, "Hé"),
    Again(1),
    Answer(0, "Hallo 😀", "stop", 4, -2.5),
    Answer(1, "Hi", "length", None, None),
    Written("m"),
]


@contextmanager
def other_side(folder: Path, does: Callable[[socket.socket, bytes], None]) -> Iterator[Path]:
    """A socket where each connection's first line is given to `does`."""
    path = folder / "chat.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as file:
                does(connection, file.readline())

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield path
        thread.join(10)
    assert not thread.is_alive()


def say(line: bytes, connection: socket.socket, _: bytes) -> None:
    """Answer whatever is asked with one line."""
    connection.sendall(line)


def test_events_arrive_as_they_were_told_and_the_request_as_it_was_asked(tmp_path: Path) -> None:
    asked = []

    def tell(connection: socket.socket, line: bytes) -> None:
        asked.append(wire.read_request(wire.parsed(line)))
        for event in EVENTS:
            connection.sendall(wire.event_line(event))

    with other_side(tmp_path, tell) as path:
        assert list(ProcessWriter(path).write(REQUEST)) == EVENTS
    assert asked == [REQUEST]


@pytest.mark.parametrize(
    "error", [AnswersRefused("No."), WriterBusy("Later.", 7), LoadError("Broken."), WriterAway("x")]
)
def test_an_error_of_the_process_is_raised_here(tmp_path: Path, error: AnswersRefused) -> None:
    said = partial(say, wire.error_line(error))
    with other_side(tmp_path, said) as path, pytest.raises(type(error), match=str(error)) as raised:
        list(ProcessWriter(path).write(REQUEST))
    assert getattr(raised.value, "retry_after", None) == getattr(error, "retry_after", None)


def test_a_process_that_dies_in_the_middle_is_told_after_what_it_wrote(tmp_path: Path) -> None:
    def break_off(connection: socket.socket, _: bytes) -> None:
        connection.sendall(wire.event_line(EVENTS[0]) + wire.event_line(EVENTS[1])[:9])

    with other_side(tmp_path, break_off) as path:
        events = ProcessWriter(path).write(REQUEST)
        assert next(events) == EVENTS[0]
        with pytest.raises(WriterAway, match="broke off"):
            next(events)


@pytest.mark.parametrize("limits", [(0.05, 10.0), (10.0, 0.05)], ids=["silence", "whole"])
def test_a_process_that_says_nothing_is_waited_for_only_so_long(tmp_path: Path, limits: tuple[float, float]) -> None:
    def say_nothing(connection: socket.socket, _: bytes) -> None:
        assert connection.recv(1) == b""

    silence, whole = limits
    with other_side(tmp_path, say_nothing) as path, pytest.raises(WriterAway, match="did not answer in time"):
        list(ProcessWriter(path, silence=silence, whole=whole).write(REQUEST))


def test_whoever_waits_for_a_first_word_can_leave(tmp_path: Path) -> None:
    """What still waits in the queue of the process tells now and then that it waits, so that it can be closed."""

    def wait_for_the_end(connection: socket.socket, _: bytes) -> None:
        assert connection.recv(1) == b""

    with other_side(tmp_path, wait_for_the_end) as path, pytest.raises(NoLongerWanted):
        ChatGenerator(2, 1, ProcessWriter(path)).generate(REQUEST.messages, Sampling(), 8, 3, gone=lambda: True)


def test_a_model_is_named_and_its_loading_is_waited_for_longer_than_a_silence(tmp_path: Path) -> None:
    asked = []

    def tell(connection: socket.socket, line: bytes) -> None:
        asked.append(wire.read_model(wire.parsed(line)))
        connection.sendall(b'{"event": "loading"}\n')
        threading.Event().wait(0.2)
        connection.sendall(wire.event_line(EVENTS[-1]))

    with other_side(tmp_path, tell) as path:
        writer = ProcessWriter(path, Path("/store/000003"), Path("/store/000002"), silence=0.1)
        assert list(writer.write(REQUEST)) == EVENTS[-1:]
    assert asked == [Named(Path("/store/000003"), Path("/store/000002"))]


def test_a_model_is_loaded_and_says_its_name(tmp_path: Path) -> None:
    asked = []

    def tell(connection: socket.socket, line: bytes) -> None:
        asked.append(wire.parsed(line))
        connection.sendall(b'{"event": "loaded", "model": "abc"}\n')

    with other_side(tmp_path, tell) as path:
        assert ProcessWriter(path, Path("/store/000002")).load() == "abc"
    assert asked == [{"ask": "load", "folder": "/store/000002"}]


def test_closing_the_iterator_closes_the_connection(tmp_path: Path) -> None:
    ended = []

    def wait(connection: socket.socket, _: bytes) -> None:
        connection.sendall(wire.event_line(EVENTS[0]))
        ended.append(connection.recv(1))

    with other_side(tmp_path, wait) as path:
        events = iter(ProcessWriter(path).write(REQUEST))
        next(events)
        del events
    assert ended == [b""]


def test_without_a_process_the_sentence_says_so(tmp_path: Path) -> None:
    writer = ProcessWriter(tmp_path / "chat.sock")
    with pytest.raises(WriterAway, match="generation process is not running"):
        list(writer.write(REQUEST))
    with pytest.raises(WriterAway):
        writer.health()


@pytest.mark.parametrize("line", [b"no JSON\n", b"[]\n", b'{"event": "song"}\n'])
def test_what_is_not_understood_is_a_sentence(tmp_path: Path, line: bytes) -> None:
    with other_side(tmp_path, partial(say, line)) as path, pytest.raises(WriterAway, match="not understood"):
        list(ProcessWriter(path).write(REQUEST))


@pytest.mark.parametrize(
    "said", [{"messages": "x"}, {"messages": [], "count": "3"}, {"messages": [], "count": True}, {"messages": []}]
)
def test_a_line_that_asks_for_what_cannot_be_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(AnswersRefused):
        wire.read_request(said)


@pytest.mark.parametrize(
    "said", [{"folder": 7}, {"folder": "model"}, {"base": "/base"}, {"folder": "/x", "base": "y"}, {"folder": "/\0"}]
)
def test_a_model_that_is_named_by_less_than_a_whole_path_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(AnswersRefused, match="by the whole path of its folder"):
        wire.read_model(said)
