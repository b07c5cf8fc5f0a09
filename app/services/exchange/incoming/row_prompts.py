"""The prompt of a row: a text to rewrite, or in an answering project a text or a conversation to answer."""

from __future__ import annotations

from collections.abc import Mapping

from models.formats import FORMATS, prompt_text
from models.formats.rows import BadRow, Message, Row, messages, messages_in, refuse_tools
from models.formats.rows import text as checked_text
from models.formats.schemas.chat import turns_of
from models.formats.schemas.conversation import Asked, asked, ended_by_user, said_by_user

SYSTEM = "system"
"""The metadata, and the field of a row, with a system message of its own."""
TURNS = "turns"
"""The field of a row with the messages before its text."""
INSTRUCTION, INPUT = "instruction", "input"
"""A field with a prompt, and the one with what the prompt is about."""
_NO_TEXTS = (
    (bool, "true or false"),
    (int | float, "a number"),
    (list, "a list"),
    (dict, "an object"),
)


def lowered(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under the names that models.formats knows: in lower case, those without a value left out."""
    return {name.strip().casefold(): value for name, value in fields.items() if value is not None}


def opened(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields with messages in the place of their JSON."""
    return {name: messages_in(value) for name, value in fields.items()}


def is_conversation(value: object) -> bool:
    """Return whether a value is a list of messages, or of ShareGPT's turns, or the JSON of messages."""
    found = messages_in(value)
    return isinstance(found, list) and bool(found) and all(map(_is_turn, found))


def text_of(value: object, name: str) -> str:
    """Return a value as the text to rewrite: itself, or the user's turn where it is a list of messages.

    Raises BadRow for anything else, which is never turned into a text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return ended_by_user(messages(value, name))[-1]["content"]
    if value is None:
        raise BadRow(f"there is nothing under {name}")
    what = next((what for kind, what in _NO_TEXTS if isinstance(value, kind)), "something else")
    raise BadRow(f"{name} is {what}, not a text")


def text_by_format(value: Mapping[str, object], format_name: str) -> str:
    """Return the text to rewrite of a row, wherever its format keeps it; raises BadRow."""
    found = _by_format(value, format_name)
    if FORMATS[format_name].record is not None:
        return text_of(found, "prompt")
    return prompt_text(found) if isinstance(found, str | list) else text_of(found, "prompt")


def asked_by_format(value: Mapping[str, object], format_name: str) -> Asked:
    """Return what a row asks, wherever its format keeps it; raises BadRow."""
    return _asked(lowered(value), "prompt", _by_format(opened(value), format_name))


def asked_under(value: Mapping[str, object], column: str) -> Asked:
    """Return what a row asks in a column, with what it says beside: `turns`, `system`, an instruction's `input`.

    The assistant's answer to it, if the conversation goes so far, is left off. Raises BadRow.
    """
    found = messages_in(value.get(column))
    if not is_conversation(found):
        return _asked(lowered(value), column, found)
    turns = messages(turns_of(found, column), column)
    return _asked(lowered(value), column, turns[:-1] if turns[-1]["role"] == "assistant" else turns)


def read_known(value: Mapping[str, object], format_name: str) -> list[Row]:
    """Return the rows that a row in a format of models.formats holds; raises BadRow if there are none."""
    read = FORMATS[format_name].read if format_name in FORMATS else None
    if read is None:
        raise BadRow("its format is not known")
    rows = read(lowered(value))
    if not rows:
        raise BadRow("it holds no prompt")
    return rows


def _by_format(value: Mapping[str, object], format_name: str) -> object:
    record = FORMATS[format_name].record if format_name in FORMATS else None
    return record(lowered(value)).prompt if record else read_known(value, format_name)[0]["prompt"]


def _asked(fields: Mapping[str, object], name: str, prompt: object) -> Asked:
    refuse_tools(fields)
    if isinstance(prompt, list):
        found = asked(messages(prompt, name))
    else:
        words = text_of(prompt, name)
        more = fields.get(INPUT) if name.casefold() == INSTRUCTION else None
        words = f"{words.strip()}\n\n{more.strip()}" if isinstance(more, str) and more.strip() else words
        found = asked([*_turns(fields.get(TURNS)), *said_by_user(words)])
    told = fields.get(SYSTEM)
    own = checked_text(told, SYSTEM).strip() if isinstance(told, str) and told.strip() else ""
    return found._replace(system=found.system or own)


def _turns(value: object) -> list[Message]:
    found = messages_in(value)
    return [] if found in (None, "", "[]", []) else messages(turns_of(found, TURNS), TURNS)


def _is_turn(value: object) -> bool:
    return isinstance(value, dict) and ({"role", "content"} <= value.keys() or {"from", "value"} <= value.keys())
