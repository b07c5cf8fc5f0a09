"""Response headers, cookies, the host and the path of the site: against hostile input, and for private sessions."""

from __future__ import annotations

import re

from flask import Flask, Response, after_this_request, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from app.context import mellow
from app.domain_errors import Malformed
from app.entrance import project_path
from app.words import gettext

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Bootstrap's stylesheet draws its arrows and checks as data: images
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_PARTS_OF_PAGES = ("text/javascript", "text/css", "font/woff2")
"""The types of files that are never a document: browsers obey no policy of these, and a page loads forty of them."""

_PORT = re.compile(r":\d+$")
_PATH = re.compile(r"(/[\w.~-]*[\w~-])*", re.ASCII)  # no part of it is empty, "." or "..": links would lead elsewhere


class _SessionCookie(SecureCookieSessionInterface):
    """The session cookie: hidden from scripts, not sent from other sites, and HTTPS only if the page was.

    Browsers accept a name with `__Host-` only over HTTPS, for the whole host and without a domain, so no other host
    of the domain and no page over HTTP can put another cookie in its place.
    """

    def __init__(self) -> None:
        self._signing: tuple[object, URLSafeTimedSerializer | None] = (None, None)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return the serializer that signs and reads the cookie; cached, because every request needs it."""
        secrets = (app.secret_key, tuple(app.config["SECRET_KEY_FALLBACKS"] or ()))
        known, signing = self._signing
        if known != secrets:
            signing = super().get_signing_serializer(app)
            self._signing = (secrets, signing)
        return signing

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_httponly(self, app: Flask) -> bool:
        return True

    def get_cookie_samesite(self, app: Flask) -> str:
        return "Lax"

    def get_cookie_path(self, app: Flask) -> str:
        """Return the path that a proxy gives Mellow, so that what else runs on the host never sees the cookie."""
        return project_path.studio_root() or "/"

    def get_cookie_name(self, app: Flask) -> str:
        return "__Host-mellow_session" if request.is_secure and not project_path.studio_root() else "mellow_session"


def keep_cookie(name: str, value: str, seconds: int) -> None:
    """Let the response to this request leave a cookie that scripts cannot read and other sites do not send."""

    @after_this_request
    def _set(response: Response) -> Response:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=project_path.studio_root() or "/",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
        return response


def init_app(app: Flask) -> None:
    """Set the session cookie and the headers of every response."""
    app.session_interface = _SessionCookie()
    app.before_request(_check_host)
    app.before_request(_check_path)
    app.after_request(_headers)


def _check_host() -> None:
    """Refuse a host that links and redirects must not lead to; load balancers ask for the health by any name."""
    # Flask's TRUSTED_HOSTS makes no exception for them, and with it the page of the refusal could hold no links.
    allowed = mellow().settings.allowed_hosts
    if allowed and request.blueprint != "health" and _PORT.sub("", request.host).strip("[]").lower() not in allowed:
        raise Malformed(
            gettext("Mellow does not answer under this host: ALLOWED_HOSTS in the settings names the others.")
        )


def _check_path() -> None:
    root = project_path.studio_root()
    if not _PATH.fullmatch(root):
        raise Malformed(gettext("X-Forwarded-Prefix must be a path such as /mellow, not %(path)s.", path=repr(root)))


def _headers(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if response.mimetype not in _PARTS_OF_PAGES:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint not in ("static", "bootstrap.static", "uplot.static"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
