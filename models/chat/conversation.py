"""A conversation with a chat model: messages of a system, a user and an assistant, the last of them the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.model_errors import ConversationRefused

MOST_MESSAGES = 200
MOST_CHARACTERS = 400_000


@dataclass(frozen=True)
class Message:
    """One message: its `role` is system, user or assistant."""

    role: str
    content: str


def read_messages(found: Any) -> tuple[Message, ...]:
    """Return messages from their JSON, a list with `role` and `content`; raises ConversationRefused."""
    if not isinstance(found, list) or not all(_is_message(one) for one in found):
        raise ConversationRefused(
            "A conversation is a list of messages, each with a role and a content that are texts."
        )
    return tuple(Message(one["role"], one["content"]) for one in found)


def check_conversation(messages: Sequence[Message]) -> None:
    """Raise ConversationRefused unless the model can answer.

    A system message may come first; then user and assistant take turns, and the user has the last word.
    """
    if len(messages) > MOST_MESSAGES:
        raise ConversationRefused(f"The conversation has {len(messages)} messages, and {MOST_MESSAGES} are the most.")
    if sum(len(message.content) for message in messages) > MOST_CHARACTERS:
        raise ConversationRefused(f"The conversation is longer than {MOST_CHARACTERS:,} characters: shorten it.")
    turns = messages[1:] if messages and messages[0].role == "system" else messages
    for place, message in enumerate(turns):
        expected = ("user", "assistant")[place % 2]
        if message.role != expected:
            raise ConversationRefused(
                f"A message of the {message.role} stands where one of the {expected} is expected: a system message may "
                "come first, then user and assistant take turns."
            )
        if not message.content.strip():
            raise ConversationRefused(f"A message of the {message.role} is empty.")
    if len(turns) % 2 == 0:
        raise ConversationRefused(
            "The last message of a conversation must be the user's, so that there is one to answer."
        )


def _is_message(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("content"), str)
        and found.get("role") in ("system", "user", "assistant")
    )
