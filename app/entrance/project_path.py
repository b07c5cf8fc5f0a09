"""The project that an address names: "/p/<slug>" before the path of a page, a file or an operation of the API.

It becomes part of the path below which the application is, as a proxy's prefix does. So `url_for`, redirects and
scripts lead on within the project, and no route names it. An address without it means the first project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import request, url_for
from flask.globals import request_ctx

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ADDRESS = re.compile(r"/p/([a-z0-9-]{1,40})(/.*)?", re.DOTALL)
_SLUG = "mellow.project"
_ROOT = "mellow.root"


class ProjectPath:
    """A WSGI application that takes the project off the path and notes it."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[_ROOT] = environ.get("SCRIPT_NAME", "").rstrip("/")
        if found := _ADDRESS.fullmatch(environ.get("PATH_INFO", "")):
            environ[_SLUG] = found[1]
            environ["SCRIPT_NAME"] = f"{environ[_ROOT]}/p/{found[1]}"
            environ["PATH_INFO"] = found[2] or "/"
        return self._application(environ, start_response)


def slug() -> str | None:
    """Return what the present request calls its project, None if it names none."""
    named: str | None = request.environ.get(_SLUG)
    return named


def studio_root() -> str:
    """Return the path below which the whole studio is, without the project: empty at the root of the host."""
    root: str = request.environ.get(_ROOT, request.script_root)
    return root


def address(project: str | None, endpoint: str, **values: Any) -> str:
    """Return the path of an endpoint in a project, with None of one that no project is named for."""
    path = url_for(endpoint, **values).removeprefix(request.script_root)
    return f"{studio_root()}/p/{project}{path}" if project else studio_root() + path


def link(endpoint: str, **values: Any) -> str:
    """Return the whole address of an endpoint for mails and other sites; it names no project."""
    return request.host_url.rstrip("/") + address(None, endpoint, **values)


def path_of(path: str) -> str | None:
    """Return a path of this studio as routes know it, without the project; None for what lies outside the studio."""
    if not path.startswith(f"{studio_root()}/"):
        return None
    inside = path.removeprefix(studio_root())
    found = _ADDRESS.fullmatch(inside)
    return (found[2] or "/") if found else inside


def leave() -> None:
    """Let the rest of this request lead to addresses that name no project, as its own may not be entered."""
    request.environ.pop(_SLUG, None)
    request.root_path = studio_root()
    if request_ctx.url_adapter is not None:
        request_ctx.url_adapter.script_name = f"{studio_root()}/"
