"""Domain exceptions, and the HTTP response of each.

    DomainError
    ├── Invalid        422   the request can be read, but not used
    ├── Malformed      400   the request cannot be read
    ├── NotSignedIn    401   nobody is signed in, or the token is unknown
    ├── Forbidden      403   this person may not do that
    ├── NotFound       404   there is no such thing (or it is not this person's)
    ├── Conflict       409   the request does not fit the present state
    ├── TooLarge       413   the request is larger than is accepted at once
    ├── NotReady       503   a part that is needed is not available yet
    ├── DiskFull       507   the request cannot be stored, and can be sent again once there is room
    └── Later                it can be asked again in a moment, and Retry-After says when
        ├── TooMany    429   this person asks for too much at once
        └── Overloaded 503   everybody together does

Under ``/api/`` an error is RFC 9457 problem+json; elsewhere it is a page with the same sentence.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, json, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.orm.exc import ObjectDeletedError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.db.full_disk import is_full
from models.model_errors import InputTooLong, NoLongerWanted

PROBLEM_JSON = "application/problem+json"
_OWN_WORDS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address. It may have been mistyped, or what was here was deleted.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that kind of request.",
}
"""Sentences in the place of those that the library has."""


class DomainError(Exception):
    """A refusal; its text is one sentence for the person who made the request. `extra` joins the problem document."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, sentence: str, **extra: Any) -> None:
        super().__init__(sentence)
        self.extra = extra

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that the response has because of the refusal."""
        return {}


class Invalid(DomainError):
    """The request can be read, but not used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Malformed(DomainError):
    """The request cannot be read."""

    status = HTTPStatus.BAD_REQUEST


class NotSignedIn(DomainError):
    """Nobody is signed in, or the token is unknown."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(DomainError):
    """This person may not do that."""

    status = HTTPStatus.FORBIDDEN


class NotFound(DomainError):
    """There is no such thing, or it is not this person's."""

    status = HTTPStatus.NOT_FOUND


class Conflict(DomainError):
    """The request does not fit the present state."""

    status = HTTPStatus.CONFLICT


class TooLarge(DomainError):
    """The request is larger than is accepted at once."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NotReady(DomainError):
    """A part that is needed is not available yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class DiskFull(DomainError):
    """The request cannot be stored, and can be sent again once there is room."""

    status = HTTPStatus.INSUFFICIENT_STORAGE

    def __init__(self, what: str = "nothing of this was stored") -> None:
        super().__init__(f"The disk is full, so {what}. Try again once there is room.")


class Later(DomainError):
    """The same can be asked again in a moment: after `again` seconds."""

    def __init__(self, sentence: str, *, again: int) -> None:
        super().__init__(sentence)
        self.again = again

    @property
    def headers(self) -> dict[str, str]:
        """Return when the same can be asked again."""
        return {"Retry-After": str(self.again)}


class TooMany(Later):
    """This person asks for too much at once."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Overloaded(Later):
    """Everybody together asks for too much at once."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


def register_error_handlers(app: Flask) -> None:
    """Turn every exception into a response with one sentence: problem+json for the API, else a page."""

    @app.errorhandler(DomainError)
    def _domain(error: DomainError) -> Response:
        response = _response(error.status, str(error), error.extra)
        response.headers.update(error.headers)
        return response

    @app.errorhandler(InputTooLong)
    def _too_long(error: InputTooLong) -> Response:
        return _response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), {})

    @app.errorhandler(NoLongerWanted)
    def _not_wanted(error: NoLongerWanted) -> Response:
        return _response(HTTPStatus.REQUEST_TIMEOUT, str(error), {})  # which nobody reads

    @app.errorhandler(CSRFError)
    def _csrf(error: CSRFError) -> Response:
        return _response(
            HTTPStatus.BAD_REQUEST,
            "This form is out of date or came from elsewhere: reload the page and try again.",
            {"stale_form": True},
        )

    @app.errorhandler(RequestEntityTooLarge)
    def _too_large(error: RequestEntityTooLarge) -> Response:
        most = request.max_content_length or 0
        whole = request.content_length is None or request.content_length >= most  # not a part of a form
        sentence = f"The request has more than the {most // 1024**2} MB that are accepted at once."
        return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence if whole else str(error.description), {})

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < 400:
            return error
        status = HTTPStatus(error.code)
        response = _response(status, _OWN_WORDS.get(status) or error.description or status.phrase, {})
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after"):
                response.headers[name] = value
        return response

    @app.errorhandler(ObjectDeletedError)
    def _deleted(error: ObjectDeletedError) -> Response:
        return _response(HTTPStatus.CONFLICT, "What this was about was deleted at this moment.", {})

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        if is_full(error):
            app.logger.error("%s %s could not be stored: the disk is full.", request.method, _asked_for())
            return _domain(DiskFull())
        app.logger.exception("%s %s failed", request.method, _asked_for())
        return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side; the log says what.", {})


def _asked_for() -> str:
    """Return the rule of the address that was asked for: the address itself may hold the secret of a link."""
    return request.url_rule.rule if request.url_rule else "an address of nothing"


def _response(status: HTTPStatus, sentence: str, extra: dict[str, Any]) -> Response:
    if request.path.startswith("/api/"):
        problem = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": sentence, **extra}
        response = Response(json.dumps(problem), status, content_type=PROBLEM_JSON)
    else:
        page = render_template("error.html", status=int(status), title=status.phrase, sentence=sentence)
        response = Response(page, status)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
