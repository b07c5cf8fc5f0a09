"""A screen of answers as server-sent events, while they are written (WHATWG HTML, section 9.2).

    begun     the conversation that is answered; not for a screen that was drawn before. It comes once more, with
              another one, where others took the place at the first meanwhile
    piece     the next piece of an answer
    again     what was written of an answer no longer counts
    screen    the screen, as it is stored: the last event
    nothing   the queue holds nothing for this person: the last event
    problem   a problem document, with `retry_after` where it is worth to ask again: the last event

A thread draws as a request without a stream does, and this side sends what it tells. A client that closes the
connection cancels.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any

from flask import Response, copy_current_request_context, current_app, g
from flask_login import current_user

from app.db import enter
from app.extensions import db
from app.services.desk.answering import Begun, Tell
from models.chat.writing import Again, Piece
from models.serving.screen import Gone

MEDIA = "text/event-stream"
_QUIET_SECONDS = 5.0
"""After so long without news a line is sent that says nothing: it is lost if the client has gone."""
_NAMES: dict[type[Begun | Piece | Again], str] = {Begun: "begun", Piece: "piece", Again: "again"}

_Event = tuple[str, Any]
Work = Callable[[Gone, Tell], dict[str, Any] | None]
"""Draws, and returns the screen as the API shows it, or None if the queue holds nothing."""


def streamed(work: Work, gone: Gone) -> Response:
    """Let `work` draw, and answer with what it tells; what it refuses before it tells anything is the answer."""
    told: SimpleQueue[_Event | Response] = SimpleQueue()
    left = threading.Event()
    person, project = current_user._get_current_object(), current_user.seat.id

    @copy_current_request_context
    def run() -> None:
        last: _Event | Response = Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        try:
            g._login_user = person  # who must not be looked up once more
            enter(db.session(), project)
            last = _last(work, lambda: left.is_set() or gone(), lambda event: told.put(_event(event)))
        finally:
            told.put(last)  # whatever happens, or the client would wait for ever

    db.session.rollback()  # while others draw first, this request needs no connection
    threading.Thread(target=run, name="answers", daemon=True).start()
    first = told.get()
    if isinstance(first, Response):
        return first
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    response = Response(_lines(first, told), content_type=MEDIA, headers=headers)
    response.call_on_close(left.set)
    return response


def _last(work: Work, gone: Gone, tell: Tell) -> _Event | Response:
    """Draw, and return the last event, or the answer to what was refused."""
    try:
        screen = work(gone, tell)
    except Exception as error:
        return current_app.make_response(current_app.handle_user_exception(error))
    return ("nothing", {}) if screen is None else ("screen", screen)


def _lines(first: _Event, told: SimpleQueue[_Event | Response]) -> Iterator[str]:
    """Yield events as they are told, up to the last one."""
    event: _Event | Response = first
    while True:
        name, data = ("problem", _problem(event)) if isinstance(event, Response) else event
        yield f"event: {name}\ndata: {json.dumps(data)}\n\n"
        if name in ("screen", "nothing", "problem"):
            return
        while True:
            try:
                event = told.get(timeout=_QUIET_SECONDS)
                break
            except Empty:
                yield ": still here\n\n"


def _problem(answer: Response) -> dict[str, Any]:
    """Return a problem document as the last event says it."""
    document: dict[str, Any] = json.loads(answer.get_data() or b'{"status": 500}')
    again = answer.headers.get("Retry-After")
    return document | ({"retry_after": int(again)} if again else {})


def _event(told: Begun | Piece | Again) -> _Event:
    return _NAMES[type(told)], asdict(told)
