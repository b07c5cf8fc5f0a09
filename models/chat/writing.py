"""What every writer of answers is asked for and what it tells: a generation process, or a server of others.

A writer is a callable that takes a request and yields events as they come. Whoever closes the iterator cancels the
request. A writer raises AnswersRefused, WriterBusy or WriterAway.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from models.chat.conversation import Message, check_conversation
from models.model_errors import AnswersRefused

MOST_ANSWERS = 8
MOST_TOKENS = 4096

ROUNDS = 3
"""How often answers are drawn at most until all of one request differ."""

# PostgreSQL stores no NUL, and none of these can be seen.
_CONTROL_CHARACTERS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}

Ended = Literal["stop", "length"]


@dataclass(frozen=True)
class AnswerRequest:
    """A request for `count` answers of at most `max_tokens` tokens each, all drawn at once.

    `top_k` 0 means no such limit. The same `seed` gives the same answers of the same model; without one they are drawn
    by chance.
    """

    messages: tuple[Message, ...]
    count: int = 3
    max_tokens: int = 256
    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    seed: int | None = None

    def check(self) -> None:
        """Raise AnswersRefused unless the conversation can be answered and every number is within its bounds."""
        check_conversation(self.messages)
        for name, value, low, high in (
            ("count", self.count, 1, MOST_ANSWERS),
            ("max_tokens", self.max_tokens, 1, MOST_TOKENS),
            ("temperature", self.temperature, 0.01, 5.0),
            ("top_p", self.top_p, 0.01, 1.0),
            ("top_k", self.top_k, 0, 1_000_000),
            ("seed", self.seed or 0, 0, 2**31 - 1),
        ):
            if not math.isfinite(value) or not low <= value <= high:
                raise AnswersRefused(f"{name} must be between {low} and {high}, not {value}.")
        if self.top_k == 1 and self.count > 1:
            raise AnswersRefused("With top_k 1 all answers are the same: ask for one, or let more tokens be drawn.")


@dataclass(frozen=True)
class Piece:
    """The next piece of text of an answer, 0 being the first answer."""

    answer: int
    text: str


@dataclass(frozen=True)
class Again:
    """An answer equalled an earlier one and is drawn anew: what was written of it no longer counts."""

    answer: int


@dataclass(frozen=True)
class Answer:
    """A whole answer. `log_probability` is that of its `tokens` in nats at temperature 1, None where it is unknown.

    The token that ended it is included, if one did; else the limit of tokens did.
    """

    answer: int
    text: str
    ended: Ended
    tokens: int | None = None
    log_probability: float | None = None


@dataclass(frozen=True)
class Written:
    """All answers are written; `model` names what wrote them."""

    model: str


@dataclass(frozen=True)
class Waiting:
    """Nothing is written yet: whoever hears it may look whether anybody still waits."""


Event = Piece | Again | Answer | Written


def visible(text: str) -> str:
    """Return a text without control characters."""
    return text.translate(_CONTROL_CHARACTERS)


class Writer(Protocol):
    """What a desk asks for answers."""

    def write(self, request: AnswerRequest) -> Iterator[Event | Waiting]:
        """Yield what is written while it is written, `Written` last."""
