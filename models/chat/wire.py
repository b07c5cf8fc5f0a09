"""What goes over the socket of the generation process: one JSON object a line, both ways.

A client sends one line, `{"ask": "answers", …}`, `{"ask": "load", …}` or `{"ask": "health"}`, and gets lines until the
last, which is `written`, `loaded`, `health` or `error`. It cancels by closing. The first two may name a model by its
`folder`, and the `base` of an adapter. Answers begin with `loading` if their model has to be loaded first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from models.chat.conversation import read_messages
from models.chat.source import Named
from models.chat.writing import Again, Answer, AnswerRequest, Event, Piece, Written
from models.model_errors import (
    AnswersRefused,
    ConversationRefused,
    LoadError,
    ModelError,
    StoreError,
    WriterAway,
    WriterBusy,
)

LONGEST_LINE = 4 * 1024 * 1024

_EVENTS: Mapping[str, type[Piece | Again | Answer | Written]] = {
    "piece": Piece,
    "again": Again,
    "answer": Answer,
    "written": Written,
}
_NAMES = {kind: name for name, kind in _EVENTS.items()}
_NUMBERS: Mapping[str, tuple[type, ...]] = {
    "count": (int,),
    "max_tokens": (int,),
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": (int,),
    "seed": (int, type(None)),
}


def line(said: Mapping[str, Any]) -> bytes:
    """Return one line."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parsed(raw: bytes) -> dict[str, Any]:
    """Return what a line says; raises AnswersRefused."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        raise AnswersRefused("A line of the socket must be JSON.") from None
    if not isinstance(said, dict):
        raise AnswersRefused("A line of the socket must be a JSON object.")
    return said


def request_line(request: AnswerRequest, model: Named | None = None) -> bytes:
    """Return the line that asks for answers of a model, None being the one of CHAT_MODEL."""
    return line({"ask": "answers", **asdict(request), **_naming(model)})


def load_line(model: Named | None) -> bytes:
    """Return the line that asks for a model to be loaded."""
    return line({"ask": "load", **_naming(model)})


def _naming(model: Named | None) -> dict[str, str]:
    if model is None:
        return {}
    return {"folder": str(model.folder)} | ({"base": str(model.base)} if model.base else {})


def read_model(said: Mapping[str, Any]) -> Named | None:
    """Return the model that a line names, None if it names none; raises AnswersRefused."""
    folder, base = said.get("folder"), said.get("base")
    if folder is None and base is None:
        return None
    for path in (folder, folder if base is None else base):
        if not isinstance(path, str) or "\0" in path or not Path(path).is_absolute():
            raise AnswersRefused(
                "A chat model is named by the whole path of its folder, and of its base if it has one."
            )
    return Named(Path(str(folder)), None if base in (None, folder) else Path(str(base)))


def read_request(said: Mapping[str, Any]) -> AnswerRequest:
    """Return the request of a line; raises AnswersRefused."""
    numbers = {name: said[name] for name in _NUMBERS if name in said}
    for name, value in numbers.items():
        if not isinstance(value, _NUMBERS[name]) or isinstance(value, bool):
            raise AnswersRefused(f"{name} must be a number, not {value!r:.40}.")
    request = AnswerRequest(read_messages(said.get("messages")), **numbers)
    request.check()
    return request


def event_line(event: Event) -> bytes:
    """Return the line of an event."""
    return line({"event": _NAMES[type(event)], **asdict(event)})


def read_event(said: Mapping[str, Any]) -> Event:
    """Return the event of a line, or raise the error that it tells; raises WriterAway for what is no event."""
    if said.get("event") == "error":
        raise error_of(said)
    kind = _EVENTS.get(str(said.get("event")))
    if kind is None:
        raise WriterAway("The generation process said something that is not understood.")
    return kind(**{one.name: said[one.name] for one in fields(kind)})


def error_line(error: ModelError) -> bytes:
    """Return the last line of a request that failed."""
    kind = next((name for name, one in _ERRORS.items() if isinstance(error, one)), "away")
    said: dict[str, Any] = {"event": "error", "kind": kind, "sentence": str(error)}
    if isinstance(error, WriterBusy):
        said["retry_after"] = error.retry_after
    return line(said)


def error_of(said: Mapping[str, Any]) -> ModelError:
    """Return the error that a line tells."""
    sentence = str(said.get("sentence", ""))
    if said.get("kind") == "busy":
        return WriterBusy(sentence, float(said["retry_after"]))
    return _ERRORS.get(str(said.get("kind")), WriterAway)(sentence)


_ERRORS: Mapping[str, type[ModelError]] = {
    "conversation": ConversationRefused,
    "refused": AnswersRefused,
    "busy": WriterBusy,
    "load": LoadError,
    "store": StoreError,
}
