"""Transcripts of Anthropic's HH-RLHF (Bai et al. 2022, arXiv:2204.05862).

A conversation is one text, in which an empty line and `Human: ` or `Assistant: ` begin a turn. Chosen and rejected
share all turns but the last.
"""

from __future__ import annotations

import re

from models.formats.rows import BadRow, Fields, Message, Row, Text, required, text
from models.formats.schemas.conversation import preference

_SPEAKERS = {"Human": "user", "Assistant": "assistant"}
_NAMES = {role: speaker for speaker, role in _SPEAKERS.items()}
_TURN = re.compile(r"(?:\A|\n\n)(Human|Assistant):(?=\s|\Z)")
_NEXT_TURN = re.compile(r"\n\n(Human|Assistant):(?=\s|\Z)")


def is_transcript(value: object) -> bool:
    """Return whether a value is a text that begins with a turn of the human."""
    return isinstance(value, str) and re.match(r"\s*Human:\s", value) is not None


def read_transcripts(fields: Fields) -> list[Row]:
    """`{"chosen", "rejected"}`, each a whole transcript; the prompt is what both begin with."""
    sides = [transcript(required(fields, name), name) for name in ("chosen", "rejected")]
    return [preference(None, *sides)]


def transcript(value: object, name: str) -> list[Message]:
    """Return the turns of a transcript; raises BadRow if it has none or one is empty."""
    body = text(value, name).strip()
    parts = _TURN.split(body)
    if parts[0].strip() or len(parts) < 3:
        raise BadRow(f"{name} does not begin with a turn of Human or Assistant")
    turns = [
        {"role": _SPEAKERS[who], "content": said.strip()} for who, said in zip(parts[1::2], parts[2::2], strict=True)
    ]
    empty = next((turn for turn in turns if not turn["content"]), None)
    if empty is not None:
        raise BadRow(f"{name} has an empty turn of {_NAMES[empty['role']]}")
    return turns


def as_transcript(prompt: Text, answer: Text) -> str:
    """The transcript of a prompt and its answer; raises BadRow for what it could not be read back from."""
    turns = [*_turns(prompt, "user"), *_turns(answer, "assistant")]
    for turn in turns:
        if turn["role"] not in _NAMES:
            raise BadRow(f"a transcript has no turn of the role {turn['role']}")
        if _NEXT_TURN.search(turn["content"].strip()):
            raise BadRow("a text holds what begins a turn in a transcript")
    return "".join(f"\n\n{_NAMES[turn['role']]}: {turn['content'].strip()}" for turn in turns)


def _turns(value: Text, role: str) -> list[Message]:
    return [{"role": role, "content": value}] if isinstance(value, str) else value
