"""The stream of a chat completion: server-sent events, or one JSON object from a server that does not stream."""

from __future__ import annotations

import http.client
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.chat.writing import Ended, visible
from models.model_errors import AnswersRefused, WriterAway

_LONGEST_LINE = 1024 * 1024
_LONGEST_ANSWER = 16 * 1024 * 1024
_ENDS: dict[str, Ended] = {"stop": "stop", "length": "length"}
_NOT_UNDERSTOOD = "The server of the chat model said something that is not understood."


@dataclass(frozen=True)
class Chunk:
    """What a line adds to the answer of an index, and how that ended, if it did."""

    index: int
    text: str
    ended: Ended | None


def chunks(response: http.client.HTTPResponse, deadline: float) -> Iterator[Chunk]:
    """Yield what is written; raises WriterAway if it breaks off before every answer that was begun has ended.

    Raises TimeoutError after the deadline, a time of `time.monotonic`, also while nothing but comments come.
    """
    if "json" in response.headers.get_content_type():
        for chunk in _of_choices(_read(response.read(_LONGEST_ANSWER)), "message"):
            yield Chunk(chunk.index, visible(_whole(chunk.text)[0]), chunk.ended)
        return
    begun: set[int] = set()
    halves: defaultdict[int, str] = defaultdict(str)
    while raw := response.readline(_LONGEST_LINE):
        if time.monotonic() > deadline:
            raise TimeoutError
        name, _, value = raw.strip().partition(b":")
        if name != b"data":
            continue
        if value.strip() == b"[DONE]":
            break
        for chunk in _of_choices(_read(value), "delta"):
            begun.add(chunk.index)
            if chunk.ended:
                begun.discard(chunk.index)
            text, halves[chunk.index] = _whole(halves[chunk.index] + chunk.text)
            yield Chunk(chunk.index, visible(text), chunk.ended)
    if begun:
        raise WriterAway("The server of the chat model broke off in the middle of an answer.")


def _of_choices(said: dict[str, Any], part: str) -> Iterator[Chunk]:
    """Yield a chunk for each choice of an object; raises AnswersRefused where a server withholds an answer."""
    if "error" in said:
        raise WriterAway("The server of the chat model failed in the middle of an answer.")
    try:
        for choice in said.get("choices") or ():
            reason = choice.get("finish_reason")
            if reason and reason not in _ENDS:
                raise AnswersRefused(f"The server of the chat model did not finish an answer: {str(reason)[:40]}.")
            content = (choice.get(part) or {}).get("content") or ""
            yield Chunk(int(choice.get("index", 0)), str(content), _ENDS.get(reason or ""))
    except (AttributeError, TypeError, ValueError):
        raise WriterAway(_NOT_UNDERSTOOD) from None


def _read(raw: bytes) -> dict[str, Any]:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        raise WriterAway(_NOT_UNDERSTOOD) from None
    if not isinstance(said, dict):
        raise WriterAway(_NOT_UNDERSTOOD)
    return said


def _whole(text: str) -> tuple[str, str]:
    """Return the text with its surrogates joined, and a first half at its end whose second half has yet to come."""
    kept = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    told = text.removesuffix(kept) if kept else text
    return told.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), kept
