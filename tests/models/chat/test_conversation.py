"""Which conversations can be answered, and what a refusal says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from models.chat.conversation import MOST_MESSAGES, Message, check_conversation, read_messages
from models.model_errors import AnswersRefused


def conversation(turns: str) -> list[Message]:
    """Messages by their first letters: `s` system, `u` user, `a` assistant."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [Message(roles[letter], "Hello.") for letter in turns]


@pytest.mark.parametrize("turns", ["u", "su", "uau", "suauau"])
def test_a_user_has_the_last_word_and_a_system_message_comes_first(turns: str) -> None:
    check_conversation(conversation(turns))


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ("", "must be the user's"),
        ("s", "must be the user's"),
        ("ua", "must be the user's"),
        ("uu", "one of the assistant is expected"),
        ("au", "one of the user is expected"),
        ("us", "one of the assistant is expected"),
        ("ssu", "one of the user is expected"),
        ("ua" * (MOST_MESSAGES // 2) + "u", "are the most"),
    ],
)
def test_another_order_is_refused_in_a_sentence(turns: str, reason: str) -> None:
    with pytest.raises(AnswersRefused, match=reason):
        check_conversation(conversation(turns))


def test_an_empty_message_is_refused() -> None:
    with pytest.raises(AnswersRefused, match="A message of the user is empty"):
        check_conversation([Message("user", " \n")])


@pytest.mark.parametrize(
    "found", [None, "Hello.", [{"role": "user"}], [{"role": "tool", "content": "x"}], [{"role": "user", "content": 1}]]
)
def test_what_is_no_list_of_messages_is_refused(found: Any) -> None:
    with pytest.raises(AnswersRefused, match="list of messages"):
        read_messages(found)
