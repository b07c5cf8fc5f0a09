"""Answers of a version as a screen shows them; the writer tells what a test says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.chat.answers import ChatGenerator
from models.chat.conversation import Message
from models.chat.writing import Again, Answer, AnswerRequest, Event, Piece, Written
from models.model_errors import AnswersRefused, NoLongerWanted
from models.serving.generator import Sampling

ASKED = (Message("system", "Be brief."), Message("user", "Why?"))
SAMPLING = Sampling(0.7, 0.9, 0)


class Scripted:
    """A writer that tells what it was given, and knows what it was asked and whether it was let finish."""

    def __init__(self, *events: Event) -> None:
        self.events = (*events, Written("m"))
        self.asked: list[AnswerRequest] = []
        self.closed = False

    def write(self, request: AnswerRequest) -> Iterator[Event]:
        self.asked.append(request)
        try:
            yield from self.events
        except GeneratorExit:
            self.closed = True
            raise


def answer(place: int, text: str, log_probability: float | None = -2.0) -> Answer:
    return Answer(place, text, "stop" if place else "length", 3, log_probability)


def test_answers_keep_the_order_in_which_they_were_told() -> None:
    writer = Scripted(Piece(0, "Be"), Piece(1, "So"), Again(1), Piece(1, "No"), answer(1, "No"), answer(0, "Because"))
    told: list[Event] = []
    screen = ChatGenerator(4, 4, writer).generate(ASKED, SAMPLING, 60, 2, tell=told.append)
    assert [(one.text, one.log_probability, len(one.features)) for one in screen.candidates] == [
        ("Because", -2.0, 0),
        ("No", -2.0, 0),
    ]
    assert told == [Piece(0, "Be"), Piece(1, "So"), Again(1), Piece(1, "No")]
    assert writer.asked == [AnswerRequest(ASKED, 2, 60, 0.7, 0.9, 0)]
    assert screen.sampling == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 0,
        "max_tokens": 60,
        "system": "Be brief.",
        "ended": ["length", "stop"],
    }
    assert (screen.exhausted, screen.pool, screen.is_told) == (False, (), True)


def test_an_answer_that_is_empty_or_equals_another_is_not_shown() -> None:
    writer = Scripted(answer(0, "Yes", None), answer(1, "Yes"), answer(2, ""))
    screen = ChatGenerator(4, 4, writer).generate(ASKED[1:], SAMPLING, 60, 3)
    assert [(one.text, one.log_probability) for one in screen.candidates] == [("Yes", 0.0)]
    assert (screen.exhausted, screen.sampling["system"], screen.sampling["ended"]) == (True, "", ["length"])


def test_without_any_answer_there_is_no_screen() -> None:
    with pytest.raises(AnswersRefused, match="no answer"):
        ChatGenerator(4, 4, Scripted(answer(0, " "), answer(1, ""))).generate(ASKED, SAMPLING, 60, 2)


def test_what_nobody_waits_for_is_cancelled() -> None:
    writer = Scripted(Piece(0, "Be"), Piece(0, "cause"), answer(0, "Because"))
    told: list[Event] = []
    with pytest.raises(NoLongerWanted):
        ChatGenerator(4, 4, writer).generate(ASKED, SAMPLING, 60, 1, lambda: bool(told), told.append)
    assert (told, writer.closed) == ([Piece(0, "Be")], True)
