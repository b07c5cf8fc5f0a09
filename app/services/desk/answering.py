"""Drawing the answers of a screen: a chat model writes them, and they are told while they are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.services.desk.drawing import Drawn
from app.services.prompts.prompts import Turns
from app.services.prompts.studio_settings import StudioSettings
from models.chat.answers import ChatGenerator
from models.chat.conversation import Message, check_conversation
from models.chat.writing import Again, Piece
from models.serving.generator import Sampling
from models.serving.screen import Gone


@dataclass(frozen=True)
class Begun:
    """A conversation that the model is asked to answer now."""

    text: str
    turns: Turns
    system: str


Tell = Callable[[Begun | Piece | Again], None]
"""Hears what happens while the answers are written."""


def tell_nobody(_told: Begun | Piece | Again) -> None:
    """Leave out what is told before a screen is stored."""


def conversation(text: str, turns: Turns, system: str) -> tuple[Message, ...]:
    """Return the messages that a model answers, with the system message first if it is not empty.

    Raises AnswersRefused if the turns do not alternate.
    """
    before = [Message("system", system)] if system.strip() else []
    messages = (*before, *(Message(turn["role"], turn["content"]) for turn in turns), Message("user", text))
    check_conversation(messages)
    return messages


def draw_answers(
    text: str,
    turns: Turns,
    generator: ChatGenerator,
    sampling: Sampling,
    decided: StudioSettings,
    gone: Gone,
    tell: Tell,
) -> Drawn:
    """Draw the answers to a conversation that ends with `text`, as the project's settings say.

    Raises AnswersRefused, WriterBusy, WriterAway, and NoLongerWanted as soon as `gone` tells so.
    """
    messages = conversation(text, turns, decided.system_message)
    tell(Begun(text, turns, decided.system_message))
    screen = generator.generate(messages, sampling, decided.answer_tokens, decided.cards, gone, tell)
    return Drawn.of_one(screen, generator.version, None)
