"""Access rules of all endpoints. An endpoint that is not listed is for admins only, so forgetting one never opens it.

A request is authenticated by a bearer token or by the session cookie. With a token no CSRF check is needed, since no
browser sends one by itself; with the cookie every state-changing request must carry the CSRF token.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, current_app, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user

from app.db import User, now
from app.domain_errors import Forbidden, NotSignedIn
from app.extensions import csrf, db, login
from app.services.people import accounts
from app.services.people.accounts import Identity

PUBLIC = frozenset(
    {
        "static",
        "bootstrap.static",
        "auth.sign_in",
        "auth.setup",
        "join.page",
        "health.healthz",
        "health.readyz",
        "health.metrics",
        "openapi.document",
    }
)
ANNOTATOR = frozenset(
    {
        "annotate.home",
        "annotate.page",
        "auth.sign_out",
        "auth.account",
        "auth.export",
        "auth.new_token",
        "auth.change_password",
        "auth.change_profile",
        "api_annotate.create_generation",
        "api_annotate.create_judgment",
        "api_annotate.undo_judgment",
        "api_me.me",
        "api_me.change_me",
        "api_me.read_guidelines",
        "work.page",
        "work.undo",
        "work.redo",
        "work.change",
    }
)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """The signed-in person of one request: plain values, so that no row is loaded implicitly."""

    def __init__(self, user: User | Identity) -> None:
        self.user_id = user.id
        self.email = user.email
        self.name = user.name
        self.is_admin = user.is_admin
        self.last_seen_at = user.last_seen_at
        self._session_key = user.session_key

    def get_id(self) -> str:
        """Return the value that the session cookie holds."""
        return self._session_key


def init_app(app: Flask) -> None:
    """Check every request before its view runs."""
    login.session_protection = None  # a phone that changes networks stays signed in

    @login.user_loader  # type: ignore[untyped-decorator]
    def _load(session_key: str) -> SignedIn | None:
        user = accounts.by_session_key(db.session(), session_key)
        return SignedIn(user) if user else None

    app.before_request(_check)


def sign_in(user: User) -> None:
    """Begin a session for that person."""
    login_user(SignedIn(user))


def user_id() -> int:
    """Return the id of the person who is signed in."""
    return int(current_user.user_id)


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # there is no such page
    by_token = _authenticate_by_token()
    if request.endpoint not in PUBLIC:
        if not current_user.is_authenticated:
            return _ask_to_sign_in()
        if request.endpoint not in ANNOTATOR and not current_user.is_admin:
            raise Forbidden("This is for admins.")
    if not by_token and request.method not in _SAFE_METHODS:
        csrf.protect()
    if request.endpoint not in PUBLIC:
        _note_presence(current_user)
    return None


def _note_presence(person: SignedIn) -> None:
    if person.last_seen_at is None or now() - person.last_seen_at > accounts.SEEN_EVERY:
        accounts.seen(db.session(), person.user_id)


def _authenticate_by_token() -> bool:
    """Return whether the request carries a valid bearer token; raises NotSignedIn for an invalid one."""
    header = request.headers.get("Authorization")
    if header is None or not request.path.startswith("/api/"):
        return False
    scheme, _, token = header.partition(" ")
    user = accounts.by_token(db.session(), token.strip()) if scheme.casefold() == "bearer" else None
    if user is None:
        raise NotSignedIn("That API token is not known.")
    g._login_user = SignedIn(user)  # for this request only: no cookie is set
    return True


def _ask_to_sign_in() -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        raise NotSignedIn("Send an API token: Authorization: Bearer …")
    if request.method == "GET":
        wanted: str | None = request.script_root + request.full_path.rstrip("?")
    else:
        flash("You were signed out meanwhile, so nothing was done: sign in and do it again.", "warning")
        wanted = _page_before()
    return redirect(url_for("auth.sign_in", next=wanted if wanted != f"{request.script_root}/" else None))


def _page_before() -> str | None:
    """Return the page of this site that a form was sent from, if it can be opened again, or None."""
    before = urlsplit(request.referrer or "")
    root, path = request.script_root, before.path
    if before.netloc != request.host or not path.startswith(f"{root}/"):
        return None
    if not current_app.url_map.bind(request.host).test(path.removeprefix(root), "GET"):
        return None
    return before._replace(scheme="", netloc="", fragment="").geturl()
