"""One version of a chat model as the desk asks for it: from a conversation to the answers of a screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

import numpy as np

from models.chat.conversation import Message
from models.chat.writing import Again, Answer, AnswerRequest, Piece, Writer
from models.model_errors import AnswersRefused
from models.serving.generator import Generator, Sampling
from models.serving.screen import Gone, Screen, Shown, check_wanted, never

UNKNOWN = 0.0
"""Stands for the log-probability of an answer whose writer does not tell it."""

Tell = Callable[[Piece | Again], None]
"""Hears each piece of an answer as soon as it is written, and that an answer begins anew."""


def tell_nobody(_event: Piece | Again) -> None:
    """Leave out what is told before the answers are whole."""


class ChatGenerator:
    """A version of a chat model that a writer has in memory. All methods may be called from several threads."""

    def __init__(self, version: int, base: int | None, writer: Writer) -> None:
        """Remember the version, the one that holds its base, None for a model elsewhere, and who writes for it."""
        self.version = version
        self.base = base
        self._writer = writer

    def generate(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        most_tokens: int,
        wanted: int,
        gone: Gone = never,
        tell: Tell = tell_nobody,
    ) -> Screen:
        """Return up to `wanted` answers to a conversation that differ, in the order in which they are told.

        Raises AnswersRefused, also if all answers are empty, WriterBusy, WriterAway, and NoLongerWanted as soon as
        `gone` tells so, which is asked after each event.
        """
        request = AnswerRequest(tuple(messages), wanted, most_tokens, **asdict(sampling))
        started = time.perf_counter()
        answers: list[Answer] = []
        with closing(_closable(self._writer, request)) as events:
            for event in events:
                check_wanted(gone)
                if isinstance(event, Answer):
                    answers.append(event)
                elif isinstance(event, Piece | Again):
                    tell(event)
        different = _different(answers)
        if not different:
            raise AnswersRefused("The model has no answer to this: each of those that it wrote is empty.")
        return Screen(
            candidates=tuple(_shown(answer) for answer in different),
            exhausted=len(different) < wanted,
            sampling=_recorded(request, different),
            seed=0,
            milliseconds=(time.perf_counter() - started) * 1000,
            is_told=True,
        )


AnyGenerator = Generator | ChatGenerator


def _closable(writer: Writer, request: AnswerRequest) -> Any:
    """Yield the events of a request; closing it cancels the request."""
    yield from writer.write(request)


def _different(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers in their order, without those that are empty or equal an earlier one."""
    found: dict[str, Answer] = {}
    for answer in sorted(answers, key=lambda one: one.answer):
        if answer.text.strip():
            found.setdefault(answer.text, answer)
    return list(found.values())


def _shown(answer: Answer) -> Shown:
    known = answer.log_probability
    return Shown(answer.text, UNKNOWN if known is None else known, np.empty(0))


def _recorded(request: AnswerRequest, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return what is stored of how the answers came to be; `ended` says of each whether it was cut off."""
    first = request.messages[0]
    return {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "max_tokens": request.max_tokens,
        "system": first.content if first.role == "system" else "",
        "ended": [answer.ended for answer in answers],
    }
