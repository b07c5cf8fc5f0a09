"""From texts and messages, as people store them, to rows of one shape; raises BadRow where a row cannot be one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.formats.rows import BadRow, Message, Row, Text, messages, text_or_messages


class Asked(NamedTuple):
    """A question to an assistant: the user's last message, the turns before it, and a system message, if any."""

    text: str
    turns: tuple[Message, ...] = ()
    system: str = ""


def asked(prompt: Text) -> Asked:
    """Return what a prompt asks; raises BadRow unless user and assistant take turns in it, the user first and last.

    A system message may come before them.
    """
    if isinstance(prompt, str):
        return Asked(prompt)
    if not prompt:
        raise BadRow("the conversation is empty")
    system, turns = ("", prompt) if prompt[0]["role"] != "system" else (prompt[0]["content"], prompt[1:])
    if not turns:
        raise BadRow("the conversation holds no turn of the user")
    for place, message in enumerate(turns):
        expected = ("user", "assistant")[place % 2]
        if message["role"] != expected:
            raise BadRow(f"a message of the {message['role']} stands where one of the {expected} is expected")
    ended_by_user(turns)
    return Asked(turns[-1]["content"], tuple(turns[:-1]), system)


def before(turns: Iterable[Message], system: str) -> list[Message]:
    """Return the messages that come before the last one of the user: the system's, if any, and the turns."""
    return [*([{"role": "system", "content": system}] if system else []), *turns]


def said_by_user(content: str) -> list[Message]:
    """A conversation of one turn."""
    return [{"role": "user", "content": content}]


def said_by_assistant(content: str) -> list[Message]:
    """An answer of one turn."""
    return [{"role": "assistant", "content": content}]


def answered(prompt: object, answers: Sequence[tuple[str, object]]) -> tuple[Text, list[Text]]:
    """The prompt that several answers share, and the answers; `answers` gives each its name for what is said of it.

    All texts, or all messages as soon as one of them is. Answers may be whole conversations, with the prompt
    (TRL's implicit prompt) or going on from it; what they share before their last turns joins the prompt. `prompt` is
    None if the row has none.
    """
    values = [text_or_messages(value, name) for name, value in answers]
    if prompt is None and any(isinstance(value, str) for value in values):
        raise BadRow("there is no prompt")
    shared = None if prompt is None else text_or_messages(prompt, "prompt")
    if isinstance(shared, str) and all(isinstance(value, str) for value in values):
        return shared, values
    return _conversation(shared, values, [name for name, _ in answers])


def ended_by_user(prompt: list[Message]) -> list[Message]:
    """A conversation that waits for an answer."""
    if prompt[-1]["role"] != "user":
        raise BadRow("the prompt does not end with the user's turn")
    return prompt


def split_conversation(value: object, name: str = "messages") -> Row:
    """A whole conversation as prompt and completion, or as a prompt alone if the user has the last word."""
    turns = messages(value, name)
    if turns[-1]["role"] == "user":
        return {"prompt": turns}
    if len(turns) == 1 or turns[-1]["role"] != "assistant":
        raise BadRow(f"{name} holds no answer to a user's turn")
    return {"prompt": ended_by_user(turns[:-1]), "completion": turns[-1:]}


def preference(prompt: object, chosen: object, rejected: object) -> Row:
    """A preference row; see `answered`."""
    shared, (better, worse) = answered(prompt, [("chosen", chosen), ("rejected", rejected)])
    return {"prompt": shared, "chosen": better, "rejected": worse}


def _conversation(prompt: Text | None, values: Sequence[Text], names: Sequence[str]) -> tuple[Text, list[Text]]:
    turns = [said_by_assistant(value) if isinstance(value, str) else value for value in values]
    for name, value in zip(names, turns, strict=True):
        if value[-1]["role"] != "assistant":
            raise BadRow(f"{name} does not end with the assistant's turn")
    before = turns[0][:-1]
    if any(value[:-1] != before for value in turns):
        raise BadRow(f"{' and '.join(names[:2])} differ before their last turns")
    return ended_by_user(_joined(prompt, before)), [value[-1:] for value in turns]


def _joined(prompt: Text | None, before: list[Message]) -> list[Message]:
    """The prompt, with the turns that every answer begins with."""
    if prompt is None and not before:
        raise BadRow("there is no prompt: chosen and rejected share no turns")
    if prompt is None or (isinstance(prompt, str) and before):
        return before  # a prompt in words beside whole conversations repeats one of their turns
    given = said_by_user(prompt) if isinstance(prompt, str) else prompt
    return before if before[: len(given)] == given else given + before
