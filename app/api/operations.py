"""Operations of the API, declared once at their views: checked at each request, and described.

@blueprint.patch("/webhooks/<int:webhook_id>")
@operation("Pause a webhook, or let it go on", gives("The webhook.", Webhook), body=WebhookChange)
def change_webhook(webhook_id: int, body: WebhookChange) -> ResponseReturnValue:
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from app.domain_errors import Invalid, Malformed
from app.schemas.reading import Sent, read, read_query

JSON = "application/json"
LARGEST_OBJECT = 1024 * 1024
"""Bytes of a JSON object, whose values may take fifty times as many once they are read."""
FORM = "application/x-www-form-urlencoded"
View = Callable[..., ResponseReturnValue]


@dataclass(frozen=True)
class Answer:
    """One answer that is no refusal; without a `kind` it has no body.

    `lines` is what each line of a text holds; `others` are media in which the answer is of another kind.
    """

    status: int
    meaning: str
    kind: Any = None
    media: tuple[str, ...] = (JSON,)
    lines: Any = None
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """Declaration of one operation.

    `body` is the schema of a JSON object; `media` are other bodies, each with the type of its content, which the view
    reads itself. `refusals` are the statuses of problem documents besides those that every operation has.
    """

    summary: str
    answers: tuple[Answer, ...]
    refusals: tuple[int, ...] = ()
    body: type[Sent] | None = None
    query: type[Sent] | None = None
    media: Mapping[str, Any] = field(default_factory=dict)


def gives(meaning: str, kind: Any = None, status: int = 200, media: str = JSON, lines: Any = None) -> Answer:
    """An answer, with status 200 unless another is named."""
    return Answer(status, meaning, kind, (media,), lines)


def operation(
    summary: str,
    *answers: Answer,
    refusals: tuple[int, ...] = (),
    body: type[Sent] | None = None,
    query: type[Sent] | None = None,
    media: Mapping[str, Any] | None = None,
) -> Callable[[View], View]:
    """Describe a view, and call it with its `body` and `query`, read and checked.

    Where a request has one of the bodies of `media` instead, `body` is None.
    A parameter that the operation does not have is refused: a filter that is misspelt would otherwise be none, and mean
    everything.
    """
    described = Operation(summary, answers, refusals, body, query, media or {})

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(**values: Any) -> ResponseReturnValue:
            _refuse_unknown_parameters(query)
            if query is not None:
                values["query"] = read_query(query, request.args.to_dict())
            if body is not None:
                values["body"] = None if request.mimetype in described.media else read(body, json_object())
            return view(**values)

        setattr(checked, _DESCRIBED, described)
        return checked

    return decorate


def operation_of(view: Callable[..., Any]) -> Operation:
    """Return the declaration of a view; raises AttributeError for one that is no operation."""
    found: Operation = getattr(view, _DESCRIBED)
    return found


def json_object() -> dict[str, Any]:
    """The request's body as a JSON object; raises Malformed, or RequestEntityTooLarge before it is read."""
    if request.content_encoding not in (None, "identity"):
        raise Malformed(f"The body is compressed ({request.content_encoding[:20]}): send it without Content-Encoding.")
    sent_body(LARGEST_OBJECT)
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # brackets in brackets in brackets
        sent = None
    if not isinstance(sent, dict):
        raise Malformed("Send a JSON object with Content-Type: application/json.")
    return sent


def sent_body(most: int = sys.maxsize) -> bytes:
    """Return the request's body, of at most so many bytes and no more than any request may have.

    Raises RequestEntityTooLarge before it is read or, if it comes in chunks, as soon as it is too long. Werkzeug cuts
    such a body off at the bound without a word, so one byte more is read, by which this is told.
    """
    most = min(most, request.max_content_length or most)
    request.max_content_length = most + 1
    if (request.content_length or 0) <= most and len(body := request.get_data()) <= most:
        return body
    raise RequestEntityTooLarge


_DESCRIBED = "__operation__"


def _refuse_unknown_parameters(query: type[Sent] | None) -> None:
    known = query.__struct_encode_fields__ if query is not None else ()
    for name in request.args:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise Invalid(f"There is no parameter {name!r} here: {takes}.")
