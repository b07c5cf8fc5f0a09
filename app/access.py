"""Access rules of all endpoints. An endpoint that is not listed is for admins only, so forgetting one never opens it.

A request is authenticated by a bearer token or by the session cookie. With a token no CSRF check is needed, since no
browser sends one by itself; with the cookie every state-changing request must carry the CSRF token. Some of them take
the password once more (`app/confirmation.py`), and whoever has a password that somebody else typed chooses another one
before anything else; after that an admin sets up a second factor, if the studio asks its admins for one. A token may do
what its owner's role and its own scopes both allow.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy.exc import OperationalError

from app.db import Role, Scope, User, now
from app.db.full_disk import is_full
from app.domain_errors import Forbidden, NotSignedIn
from app.extensions import csrf, db, login
from app.services.people import accounts, api_tokens, sessions
from app.services.people.accounts import Identity
from app.services.people.api_tokens import Bearer
from app.services.people.authentication import second_factor
from app.services.people.browser_names import browser_name
from app.services.people.sessions import Ending
from app.words import gettext

log = logging.getLogger(__name__)

PUBLIC = frozenset(
    {
        "static",
        "bootstrap.static",
        "typeface.file",
        "script_words.file",
        "uplot.static",
        "auth.sign_in",
        "auth.setup",
        "factors.code",
        "organisation.leave",
        "organisation.back",
        "join.page",
        "reset.page",
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
        "auth.revoke_token",
        "auth.change_password",
        "auth.change_profile",
        "auth.change_theme",
        "auth.change_language",
        "auth.end_session",
        "auth.end_other_sessions",
        "factors.page",
        "factors.draw",
        "factors.confirm",
        "factors.renew_codes",
        "factors.switch_off",
        "api_annotate.create_generation",
        "api_annotate.create_judgment",
        "api_annotate.undo_judgment",
        "api_me.me",
        "api_me.change_me",
        "api_me.read_guidelines",
        "api_hours.export_own_hours",
        "api_tokens.list_tokens",
        "api_tokens.make_token",
        "api_tokens.revoke_token",
        "work.page",
        "work.undo",
        "work.redo",
        "work.change",
        "help.home",
        "help.page",
    }
)
TAKES_PASSWORD = frozenset(
    {
        "auth.new_token",
        "factors.draw",
        "factors.remove",
        "factors.require",
        "api_tokens.make_token",
        "people.set_role",
        "person_access.make_reset_link",
        "personal_data.delete",
        "personal_data.delete_imported",
    }
)
TAKES_PASSWORD_FOR_ADMINS = frozenset({"people.add_person", "people.invite"})
"""Forms that take the password if the account that they make is an admin's."""
_CHANGES_PASSWORD = frozenset({"auth.account", "auth.change_password", "auth.sign_out"})
SETTING_UP = frozenset({"factors.page", "factors.draw", "factors.confirm", "auth.sign_out"})
"""Endpoints for an admin who must set up a second factor first."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """The signed-in person of one request: plain values, so that no row is loaded implicitly.

    `secret` is that of their session, and `bearer` the API token that the request carries: one of the two is there.
    """

    def __init__(self, identity: Identity, secret: str = "", bearer: Bearer | None = None) -> None:
        self.user_id = identity.id
        self.email = identity.email
        self.name = identity.name
        self.role = identity.role
        self.is_admin = identity.is_admin
        self.must_change_password = identity.must_change_password
        self.theme = identity.settings.get("theme", "system")
        self.language = identity.settings.get("language", "")
        self.last_seen_at = identity.last_seen_at
        self.session_id = identity.session_id
        self.last_used_at = identity.last_used_at
        self.confirmed_at = identity.confirmed_at
        self.bearer = bearer
        self._secret = secret

    def get_id(self) -> str:
        """Return the value that the session cookie holds."""
        return self._secret


def init_app(app: Flask) -> None:
    """Check every request before its view runs."""
    login.session_protection = None  # a phone that changes networks stays signed in

    @login.user_loader  # type: ignore[untyped-decorator]
    def _load(secret: str) -> SignedIn | None:
        identity = accounts.by_session(db.session(), secret, current_app.config["SESSION_IDLE"])
        return SignedIn(identity, secret) if identity else None

    app.before_request(_check)


def sign_in(user: User) -> None:
    """Begin a session for that person, who has just shown who they are; raises Forbidden if that changed meanwhile."""
    browser = browser_name(request.headers.get("User-Agent", ""))
    lifetime = current_app.permanent_session_lifetime
    secret = sessions.begin(db.session(), user, lifetime, request.remote_addr or "", browser)
    # What the rest of this request needs; the next one reads the session, too.
    known = Identity(
        user.id, user.email, user.name, user.role, user.must_change_password, user.settings, user.last_seen_at
    )
    login_user(SignedIn(known, secret))


def sign_out() -> None:
    """End the session, so that a copy of its cookie is worth nothing either."""
    sessions.end(db.session(), user_id(), user_id(), current_user.session_id, Ending.SIGNED_OUT)
    logout_user()


def user_id() -> int:
    """Return the id of the person who is signed in."""
    return int(current_user.user_id)


def bearer() -> Bearer | None:
    """Return the API token that the request carries, None for a person at a browser."""
    token: Bearer | None = current_user.bearer
    return token


def scopes_for(endpoint: str, method: str) -> tuple[Scope, ...]:
    """Return the scopes each of which lets a token call that endpoint."""
    annotate = (Scope.ANNOTATE,) if endpoint in ANNOTATOR else ()
    read = (Scope.READ,) if method in _SAFE_METHODS else ()
    return (*annotate, *read, Scope.ADMIN)


def page_before() -> str | None:
    """Return the page of this site that led to this request, if it can be opened again, or None."""
    before = urlsplit(request.referrer or "")
    root, path = request.script_root, before.path
    if before.netloc != request.host or not path.startswith(f"{root}/"):
        return None
    if not current_app.url_map.bind(request.host).test(path.removeprefix(root), "GET"):
        return None
    return before._replace(scheme="", netloc="", fragment="").geturl()


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # there is no such page
    token = _authenticate_by_token()
    if request.endpoint not in PUBLIC:
        if not current_user.is_authenticated:
            return _ask_to_sign_in()
        if not token and (elsewhere := _what_comes_first()):
            return elsewhere
        if request.endpoint not in ANNOTATOR and not current_user.is_admin:
            raise Forbidden(gettext("This is for admins."))
        if token:
            _check_scopes(token, scopes_for(request.endpoint, request.method))
    if not token and request.method not in _SAFE_METHODS:
        csrf.protect()
    if request.endpoint not in PUBLIC:
        _note_presence(current_user)
    return None


def _what_comes_first() -> ResponseReturnValue | None:
    """Return the way to what this person must do before anything else, a password of one's own first, or None."""
    if current_user.must_change_password:
        return None if request.endpoint in _CHANGES_PASSWORD else _ask_for_own_password()
    if request.endpoint not in SETTING_UP and _lacks_second_factor():
        return _ask_for_second_factor()
    return None


def takes_password() -> bool:
    """Return whether what is asked for, in a browser, takes the password once more."""
    if not current_user.is_authenticated or current_user.bearer:
        return False
    return request.endpoint in TAKES_PASSWORD or (
        request.endpoint in TAKES_PASSWORD_FOR_ADMINS and request.form.get("role") == Role.ADMIN
    )


def _check_scopes(token: Bearer, enough: tuple[Scope, ...]) -> None:
    if token.scopes.isdisjoint(enough):
        raise Forbidden(f"This API token may not do that: it lacks the scope {' or '.join(enough)}.")


def _note_presence(person: SignedIn) -> None:
    noted = [person.last_seen_at] if person.session_id is None else [person.last_seen_at, person.last_used_at]
    token = person.bearer
    try:
        if any(moment is None or now() - moment > accounts.SEEN_EVERY for moment in noted):
            accounts.seen(db.session(), person.user_id, person.session_id)
        if token and (token.last_used_at is None or now() - token.last_used_at > api_tokens.USED_EVERY):
            api_tokens.used(db.session(), token.token_id)
    except OperationalError as error:
        if not is_full(error):
            raise
        log.warning("The disk is full: that %s is active could not be stored.", person.user_id)


def _authenticate_by_token() -> Bearer | None:
    """Return what the request's token stands for, None without one; raises NotSignedIn for one that is not valid."""
    header = request.headers.get("Authorization")
    if header is None or not request.path.startswith("/api/"):
        return None
    scheme, _, token = header.partition(" ")
    if scheme.casefold() != "bearer":
        raise NotSignedIn("That API token is not known.")
    found = api_tokens.bearer(db.session(), token.strip())
    g._login_user = SignedIn(found.owner, bearer=found)  # for this request only: no cookie is set
    return found


def _ask_to_sign_in() -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        raise NotSignedIn(gettext("Send an API token: Authorization: Bearer …"))
    if request.method == "GET":
        wanted: str | None = request.script_root + request.full_path.rstrip("?")
    else:
        flash(gettext("You were signed out meanwhile, so nothing was done: sign in and do it again."), "warning")
        wanted = page_before()
    return redirect(url_for("auth.sign_in", next=wanted if wanted != f"{request.script_root}/" else None))


def _ask_for_own_password() -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        raise Forbidden(gettext("Choose a password of your own first: on the page of your account."))
    return redirect(url_for("auth.account"))


def _lacks_second_factor() -> bool:
    return current_user.is_admin and second_factor.missing(db.session(), user_id())


def _ask_for_second_factor() -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        raise Forbidden(
            gettext("This studio asks its admins for a second factor: set it up on your account page first.")
        )
    return redirect(url_for("factors.page"))
