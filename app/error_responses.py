"""The response to every error: one sentence, as RFC 9457 problem+json under ``/api/`` and as a page elsewhere."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil
from typing import Any

from flask import Flask, Response, g, json, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm.exc import ObjectDeletedError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.access import page_before
from app.db import now
from app.db.away import is_away, why_away
from app.db.full_disk import is_full
from app.domain_errors import PROBLEM_JSON, Away, DiskFull, DomainError, NotReady, Overloaded
from app.extensions import login
from app.words import N_, gettext, moment, number
from models.model_errors import (
    AnswersRefused,
    InputTooLong,
    LoadError,
    ModelError,
    NoLongerWanted,
    StoreAway,
    StoreError,
    WriterAway,
    WriterBusy,
)

AWAY_SECONDS = 2
"""After so many seconds it is worth to ask again for what needed a part that does not answer."""
_OWN_WORDS = {
    HTTPStatus.NOT_FOUND: N_(
        "There is nothing at this address. It may have been mistyped, or what was here was deleted."
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: N_("This address does not take that kind of request."),
}
"""Sentences in the place of those that the library has."""
_TITLES = {
    HTTPStatus.BAD_REQUEST: N_("Not understood"),
    HTTPStatus.FORBIDDEN: N_("Not allowed"),
    HTTPStatus.NOT_FOUND: N_("Not found"),
    HTTPStatus.METHOD_NOT_ALLOWED: N_("Not understood"),
    HTTPStatus.CONFLICT: N_("Not possible now"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: N_("Too large"),
    HTTPStatus.UNPROCESSABLE_ENTITY: N_("Not possible"),
    HTTPStatus.TOO_MANY_REQUESTS: N_("Too much at once"),
    HTTPStatus.INTERNAL_SERVER_ERROR: N_("A fault of Mellow"),
    HTTPStatus.SERVICE_UNAVAILABLE: N_("Not ready"),
    HTTPStatus.INSUFFICIENT_STORAGE: N_("The disk is full"),
}
"""Titles of pages, in words that people know."""


def register_error_handlers(app: Flask) -> None:
    """Turn every exception into a response with one sentence: problem+json for the API, else a page."""

    @app.errorhandler(DomainError)
    def _domain(error: DomainError) -> Response:
        response = _response(error.status, str(error), error.extra)
        response.headers.update(error.headers)
        return response

    @app.errorhandler(InputTooLong)
    @app.errorhandler(AnswersRefused)
    def _too_long(error: InputTooLong | AnswersRefused) -> Response:
        return _response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), {})

    @app.errorhandler(NoLongerWanted)
    def _not_wanted(error: NoLongerWanted) -> Response:
        return _response(HTTPStatus.REQUEST_TIMEOUT, str(error), {})  # which nobody reads

    @app.errorhandler(WriterBusy)
    def _writer_busy(error: WriterBusy) -> Response:
        return _domain(Overloaded(str(error), again=ceil(error.retry_after)))

    @app.errorhandler(WriterAway)
    def _writer_away(error: WriterAway) -> Response:
        app.logger.warning("%s %s: %s", request.method, _asked_for(), error)
        return _domain(Away(str(error), again=AWAY_SECONDS))

    @app.errorhandler(LoadError)
    @app.errorhandler(StoreError)
    def _not_loaded(error: ModelError) -> Response:
        app.logger.error("%s %s: %s", request.method, _asked_for(), error)
        return _domain(NotReady(gettext("The model is not ready: %(reason)s", reason=str(error))))

    @app.errorhandler(StoreAway)
    def _store_away(error: StoreAway) -> Response:
        app.logger.error("%s %s: %s", request.method, _asked_for(), error)
        return _domain(Away(gettext("The store of versions does not answer."), again=AWAY_SECONDS))

    @app.errorhandler(CSRFError)
    def _csrf(error: CSRFError) -> Response:
        return _response(
            HTTPStatus.BAD_REQUEST,
            gettext("This form is out of date or came from elsewhere: reload the page and try again."),
            {"stale_form": True},
        )

    @app.errorhandler(RequestEntityTooLarge)
    def _too_large(error: RequestEntityTooLarge) -> Response:
        most = request.max_content_length or 0
        whole = request.content_length is None or request.content_length >= most  # not a part of a form
        sentence = gettext(
            "The request has more than the %(number)s MB that are accepted at once.", number=number(most // 1024**2)
        )
        return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence if whole else str(error.description), {})

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < 400:
            return error
        status = HTTPStatus(error.code)
        own = gettext(_OWN_WORDS[status]) if status in _OWN_WORDS else None
        response = _response(status, own or error.description or status.phrase, {})
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after"):
                response.headers[name] = value
        return response

    @app.errorhandler(ObjectDeletedError)
    def _deleted(error: ObjectDeletedError) -> Response:
        return _response(HTTPStatus.CONFLICT, gettext("What this was about was deleted just now."), {})

    @app.errorhandler(DataError)
    def _not_storable(error: DataError) -> Response:
        if "NUL" not in str(error.orig):  # which PostgreSQL neither stores nor looks for
            return _unexpected(error)
        sentence = gettext("The text holds characters that cannot be stored.")
        return _response(HTTPStatus.UNPROCESSABLE_ENTITY, sentence, {})

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        _ask_nobody()
        if is_full(error):
            app.logger.error("%s %s could not be stored: the disk is full.", request.method, _asked_for())
            return _domain(DiskFull())
        if is_away(error):
            busy = isinstance(error, NoConnection)
            what = "every connection to the database is in use" if busy else "the database does not answer"
            app.logger.error("%s %s: %s: %s", request.method, _asked_for(), what, why_away(error))
            sentence = gettext("The database does not answer now: try again in a moment.")
            return _domain(Away(sentence, again=AWAY_SECONDS))
        app.logger.exception("%s %s failed", request.method, _asked_for())
        sentence = gettext("Something went wrong on our side; the log says what.")
        return _response(HTTPStatus.INTERNAL_SERVER_ERROR, sentence, {})


def _ask_nobody() -> None:
    """Answer a fault without asking again who is signed in, and in which language: that may be what failed."""
    if not hasattr(g, "_login_user"):
        g._login_user = login.anonymous_user()


def _asked_for() -> str:
    """Return the rule of the address that was asked for: the address itself may hold the secret of a link."""
    return request.url_rule.rule if request.url_rule else "an address of nothing"


def _response(status: HTTPStatus, sentence: str, extra: dict[str, Any]) -> Response:
    if request.path.startswith("/api/"):
        problem = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": sentence, **extra}
        response = Response(json.dumps(problem), status, content_type=PROBLEM_JSON)
    else:
        response = Response(_page(status, sentence), status)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _page(status: HTTPStatus, sentence: str) -> str:
    """Return the page of an error, with the ways that lead on from it."""
    may_pass = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    here = request.script_root + request.full_path.rstrip("?")
    return render_template(
        "error.html",
        status=int(status),
        title=gettext(_TITLES.get(status, status.phrase)),
        sentence=sentence,
        advice=_advice(status),
        again=here if may_pass and request.endpoint and request.method == "GET" else None,
        before=page_before(),
    )


def _advice(status: HTTPStatus) -> str:
    if status == HTTPStatus.FORBIDDEN:
        return gettext("If you need this, ask an admin of this studio: roles can be changed.")
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return gettext(
            "What was saved before is still there. If it happens again, tell whoever runs this studio when it was: "
            "%(moment)s.",
            moment=moment(now()),
        )
    return ""
