"""The translated sentences of the scripts, which pages in other languages than English load before them."""

from __future__ import annotations

import hashlib
from functools import cache

from flask import Blueprint, Flask, Response, json, url_for

from app.domain_errors import NotFound
from app.translations.catalogue import words_of_scripts
from app.words import catalogue_path, gettext, language

KEPT_FOR = 365 * 24 * 3600
"""Seconds that a browser may keep a file: its address changes with what it says."""

blueprint = Blueprint("script_words", __name__)


@blueprint.get("/words/<code>-<digest>.js")
def file(code: str, digest: str) -> Response:
    """Send the sentences of one language."""
    path = catalogue_path(code)
    if path is None:
        raise NotFound(gettext("There is no such language here."))
    response = Response(_script(code), content_type="text/javascript; charset=utf-8")
    if digest == _digest(code):
        response.cache_control.public = True
        response.cache_control.max_age = KEPT_FOR
        response.cache_control.immutable = True
    return response


def init_app(app: Flask) -> None:
    """Tell the templates where the sentences of the present language are: nowhere if it is English."""

    def address() -> str | None:
        code = language()
        return url_for("script_words.file", code=code, digest=_digest(code)) if catalogue_path(code) else None

    app.jinja_env.globals["script_words"] = address


def _script(code: str) -> str:
    path = catalogue_path(code)
    assert path is not None
    return f"globalThis.mellowWords = {json.dumps(words_of_scripts(path), sort_keys=True)};\n"


@cache
def _digest(code: str) -> str:
    return hashlib.sha256(_script(code).encode()).hexdigest()[:16]
