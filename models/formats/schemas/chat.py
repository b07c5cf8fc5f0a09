"""Whole conversations: `messages`, and ShareGPT's `conversations`."""

from __future__ import annotations

from collections.abc import Mapping

from models.formats.rows import BadRow, Fields, Row, required
from models.formats.schemas.conversation import preference, split_conversation

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "system": "system",
}


def read_chat(fields: Fields) -> list[Row]:
    """`{"messages": [{"role", "content"}, …]}`: the last turn of the assistant is the answer to what is before."""
    return [split_conversation(required(fields, "messages"))]


def read_sharegpt(fields: Fields) -> list[Row]:
    """`{"conversations": [{"from", "value"}, …]}`, with `chosen` and `rejected` turns where it holds preferences."""
    turns = turns_of(required(fields, "conversations"), "conversations")
    system = fields.get("system")
    if isinstance(system, str) and system.strip():
        turns.insert(0, {"role": "system", "content": system})
    if "chosen" not in fields and "rejected" not in fields:
        return [split_conversation(turns, "conversations")]
    return [preference(turns, *(_answer(required(fields, name), name) for name in ("chosen", "rejected")))]


def _answer(value: object, name: str) -> object:
    return value if isinstance(value, str) else turns_of(value if isinstance(value, list) else [value], name)


def turns_of(value: object, name: str) -> list[dict[str, object]]:
    """The turns under the names that messages have; a speaker that is not known keeps its name, to be refused by it."""
    if not isinstance(value, list):
        raise BadRow(f"{name} is not a list of turns")
    turns = []
    for turn in value:
        if not isinstance(turn, Mapping):
            raise BadRow(f"{name} has a turn that is not an object")
        speaker = turn.get("from") or turn.get("role")
        said = turn["value"] if turn.get("value") is not None else turn.get("content")
        turns.append({**turn, "role": _ROLES.get(str(speaker), speaker), "content": said})
    return turns
