"""Access to all endpoints: the lists of app/entrance/endpoints.py, and the person's role in the project of the address.

A project that a person is not in, that is archived or that there never was is not found. A request is authenticated by
a bearer token or by the session cookie. With a token no CSRF check is needed, since no browser sends one by itself;
with the cookie every state-changing request must carry the CSRF token. Some of them take the password once more
(`app/confirmation.py`), and whoever has a password that somebody else typed chooses another one before anything else;
after that an admin sets up a second factor, if the studio asks its admins for one. A token may do what its owner's role
and its own scopes both allow.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy.exc import OperationalError

from app.db import FIRST, Role, Scope, User, enter, now
from app.db.full_disk import is_full
from app.domain_errors import Forbidden, NotFound, NotSignedIn
from app.entrance import project_path
from app.entrance.endpoints import (
    ANNOTATOR,
    CHANGES_PASSWORD,
    PERSONAL,
    PROJECT_ADMIN,
    PUBLIC,
    REVIEWER,
    SETTING_UP,
    TAKES_PASSWORD,
    TAKES_PASSWORD_FOR_ADMINS,
)
from app.extensions import csrf, db, login
from app.services.people import accounts, api_tokens, sessions
from app.services.people.accounts import Identity
from app.services.people.api_tokens import Bearer
from app.services.people.authentication import second_factor
from app.services.people.browser_names import browser_name
from app.services.people.sessions import Ending
from app.services.projects import memberships
from app.services.projects.memberships import Seat
from app.words import gettext

log = logging.getLogger(__name__)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """The signed-in person of one request: plain values, so that no row is loaded implicitly.

    `secret` is that of their session, and `bearer` the API token that the request carries: one of the two is there.
    `is_admin` is said of admins of the studio, `manages` also of those of the present project alone.
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

    @cached_property
    def seats(self) -> list[Seat]:
        """The projects that this person may enter, and their role in each."""
        return memberships.seats(db.session(), self.user_id, studio_admin=self.is_admin)

    @property
    def seat(self) -> Seat | None:
        """The one of them that the address of the request names, the first project if it names none."""
        slug = project_path.slug()
        named = (seat for seat in self.seats if (seat.slug == slug if slug else seat.id == FIRST))
        return next(named, None)

    @property
    def manages(self) -> bool:
        """Return whether this person does what the present project's admins do."""
        return self.seat is not None and self.seat.manages

    @property
    def may_review(self) -> bool:
        """Return whether this person decides where people of the present project disagree."""
        return self.seat is not None and self.seat.reviews

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


def slug_unless_first() -> str | None:
    """Return what files and addresses call the request's project; None for the first one, which needs no name."""
    seat: Seat | None = current_user.seat
    return seat.slug if seat and seat.id != FIRST else None


def bearer() -> Bearer | None:
    """Return the API token that the request carries, None for a person at a browser."""
    token: Bearer | None = current_user.bearer
    return token


def scopes_for(endpoint: str, method: str) -> tuple[Scope, ...]:
    """Return the scopes each of which lets a token call that endpoint."""
    annotate = (Scope.ANNOTATE,) if endpoint in PERSONAL | ANNOTATOR | REVIEWER else ()
    read = (Scope.READ,) if method in _SAFE_METHODS else ()
    return (*annotate, *read, Scope.ADMIN)


def page_before() -> str | None:
    """Return the page of this site that led to this request, if it can be opened again, or None."""
    before = urlsplit(request.referrer or "")
    path = project_path.path_of(before.path) if before.netloc == request.host else None
    if path is None or not current_app.url_map.bind(request.host).test(path, "GET"):
        return None
    return before._replace(scheme="", netloc="", fragment="").geturl()


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        if not current_user.is_authenticated or current_user.seat is None:
            project_path.leave()
        return None  # there is no such page
    token = _authenticate_by_token()
    if request.endpoint not in PUBLIC:
        if not current_user.is_authenticated:
            return _ask_to_sign_in()
        if not token and (elsewhere := _what_comes_first()):
            return elsewhere
        if elsewhere := _enter_project():
            return elsewhere
        if not _may_call(current_user, request.endpoint):
            reviewers = request.endpoint in REVIEWER
            raise Forbidden(gettext("This is for those who review.") if reviewers else gettext("This is for admins."))
        if token:
            _check_scopes(token, scopes_for(request.endpoint, request.method))
    if not token and request.method not in _SAFE_METHODS:
        csrf.protect()
    if request.endpoint not in PUBLIC:
        _note_presence(current_user)
    return None


def _enter_project() -> ResponseReturnValue | None:
    """Let this request see its project, or return the way to one that the person is in; raises NotFound."""
    person, named = current_user, project_path.slug()
    if person.seat is not None:
        enter(db.session(), person.seat.id)
        return None
    project_path.leave()
    if named is None:
        if person.seats and request.method == "GET" and not request.path.startswith("/api/"):
            return redirect(project_path.address(person.seats[0].slug, str(request.endpoint), **_arguments()))
        if request.endpoint in PERSONAL:
            return None
    if person.seats:
        raise NotFound(gettext("There is no such project, or you are not in it."))
    raise NotFound(gettext("You are in no project yet: ask an admin of this studio."))


def _arguments() -> dict[str, Any]:
    return {**request.args.to_dict(flat=False), **(request.view_args or {})}


def _may_call(person: SignedIn, endpoint: str) -> bool:
    return (
        person.is_admin
        or endpoint in PERSONAL | ANNOTATOR
        or (endpoint in REVIEWER and person.may_review)
        or (endpoint in PROJECT_ADMIN and person.manages)
    )


def _what_comes_first() -> ResponseReturnValue | None:
    """Return the way to what this person must do before anything else, a password of one's own first, or None."""
    if current_user.must_change_password:
        return None if request.endpoint in CHANGES_PASSWORD else _ask_for_own_password()
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
