"""Sign-in and sign-out, the setup of the first admin, and one's own account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from app import access
from app.context import mellow
from app.domain_errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.extensions import db
from app.routes.people import shown_once
from app.services.exchange.personal import archive
from app.services.people import accounts, passwords
from app.services.people.passwords import SHORTEST_PASSWORD

blueprint = Blueprint("auth", __name__)

_NEW_TOKEN = "new_token"  # noqa: S105 - the name of a place


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Show the sign-in page, or sign in."""
    if current_user.is_authenticated:
        return redirect(url_for("annotate.home"))
    problem = None
    email = request.form.get("email", "")
    if request.method == "POST":
        throttle, address = mellow().throttle, request.remote_addr or ""
        if throttle.must_wait(email, address):
            problem = "Too many wrong passwords: wait five minutes, then try again."
            return render_template("people/sign_in.html", problem=problem, email=email), 429
        user = accounts.authenticate(db.session(), email, request.form.get("password", ""))
        if user is not None:
            access.sign_in(user)
            return redirect(_own_page(request.args.get("next")) or url_for("annotate.home"))
        throttle.count_failure(email, address)
        problem = "The email or the password is wrong."
    return render_template("people/sign_in.html", problem=problem, email=email), 403 if problem else 200


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session and clear it."""
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"))


@blueprint.route("/setup", methods=["GET", "POST"])
def setup() -> ResponseReturnValue:
    """Show the setup page, or create the first admin with the one-time token that is printed at start."""
    token_path = mellow().settings.setup_token_path
    if accounts.anyone(db.session()) or not token_path.exists():
        raise NotFound("Mellow is set up already: sign in.")
    token = request.values.get("token", "")
    email = request.form.get("email", "")
    problem = None
    if request.method == "POST":
        try:
            user = accounts.set_up(db.session(), token_path, token, email, request.form.get("password", ""))
        except (Invalid, Forbidden, Conflict) as refusal:
            problem = str(refusal)
        else:
            access.sign_in(user)
            return redirect(url_for("annotate.home"))
    return render_template("people/setup.html", problem=problem, token=token, email=email), 422 if problem else 200


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    """Show one's own account and a new API token, if one was just issued."""
    return _account()


def _account(**problems: str) -> str:
    return render_template(
        "people/account.html", token=shown_once.take(_NEW_TOKEN), problems=problems, shortest=SHORTEST_PASSWORD
    )


@blueprint.get("/account/export")
def export() -> ResponseReturnValue:
    """Send everything that is stored of the person who is signed in."""
    own, sessions = access.user_id(), mellow().sessions

    def content() -> Iterator[bytes]:
        with sessions() as session:
            yield from archive.of_account(session, own)

    return Response(content(), headers=archive.headers("my-data"))


@blueprint.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Change one's own password; every other session of one's own ends."""
    new, again = request.form.get("new", ""), request.form.get("again", "")
    try:
        if new != again:
            raise Invalid("The new password and its repetition differ.")
        with _guarded():
            user = passwords.change_password(db.session(), access.user_id(), request.form.get("old", ""), new)
    except DomainError as refusal:
        return _account(password=str(refusal)), refusal.status
    access.sign_in(user)
    flash("The password is changed. Wherever else you were signed in, you no longer are.", "success")
    return redirect(url_for("auth.account"))


@blueprint.post("/account/profile")
def change_profile() -> ResponseReturnValue:
    """Change one's own name and email."""
    form = request.form
    try:
        with _guarded():
            accounts.change_profile(
                db.session(), access.user_id(), form.get("name", ""), form.get("email", ""), form.get("password", "")
            )
    except DomainError as refusal:
        return _account(profile=str(refusal)), refusal.status
    flash("Your name and email are saved.", "success")
    return redirect(url_for("auth.account"))


@contextmanager
def _guarded() -> Iterator[None]:
    """Count wrong passwords as at sign-in; raises Forbidden after too many, whatever the password."""
    throttle, address = mellow().throttle, request.remote_addr or ""
    if throttle.must_wait(current_user.email, address):
        raise Forbidden("Too many wrong passwords: wait five minutes, then try again.")
    try:
        yield
    except Forbidden:
        throttle.count_failure(current_user.email, address)
        raise


@blueprint.post("/account/token")
def new_token() -> ResponseReturnValue:
    """Issue a new API token in place of the old one; the next page shows it once."""
    shown_once.put(_NEW_TOKEN, accounts.issue_token(db.session(), access.user_id()))
    flash("The new token works now; an older one no longer does.", "success")
    return redirect(url_for("auth.account"))


def _own_page(target: str | None) -> str | None:
    """Return `target` if it is a path of this site, else None, so that signing in never leads elsewhere."""
    if not target or not target.startswith(f"{request.script_root}/") or target.startswith(("//", "/\\")):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target
