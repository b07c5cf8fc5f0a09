"""Sign-in and sign-out, the setup of the first admin, and one's own account."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import access
from app.api.payload import row_id
from app.context import mellow
from app.db import User
from app.domain_errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.extensions import db
from app.routes.number_format import WORDS
from app.routes.people import form_key, known_browser
from app.routes.people.authentication import entering
from app.routes.people.signing_in import address, guarded, let_in
from app.runtime.throttle import TooManyGuesses
from app.services.desk import settings as desk_settings
from app.services.exchange.personal import archive
from app.services.people import accounts, api_tokens, passwords, sessions, sign_ins
from app.services.people.authentication import common_key
from app.services.people.passwords import SHORTEST_PASSWORD
from app.services.people.sessions import Ending
from app.words import gettext

blueprint = Blueprint("auth", __name__)


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Show the sign-in page, or sign in."""
    if current_user.is_authenticated:
        return redirect(url_for("annotate.home"))
    email = request.form.get("email", "")
    if request.method == "POST":
        try:
            with guarded(email, "password"):
                user = accounts.authenticate(db.session(), email, request.form.get("password", ""))
                if user is None:
                    raise Forbidden(gettext("The email or the password is wrong."))
        except (Forbidden, TooManyGuesses) as refusal:
            return entering.page(str(refusal), email), refusal.status, refusal.headers
        return entering.enter(user, request.args.get("next"))
    return entering.page(email=email)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session and clear it."""
    sign_ins.signed_out(db.session(), access.user_id(), address())
    access.sign_out()
    session.clear()
    return redirect(url_for("auth.sign_in"))


@blueprint.route("/setup", methods=["GET", "POST"])
def setup() -> ResponseReturnValue:
    """Show the setup page, or create the first admin with the token that is printed at start."""
    if accounts.anyone(db.session()):
        raise NotFound(gettext("Mellow is set up already: sign in."))
    token = request.values.get("token", "")
    email = request.form.get("email", "")
    problem = None
    if request.method == "POST":
        try:
            expected = common_key.setup_token(mellow().settings.secret_key)
            user = accounts.set_up(db.session(), expected, token, email, request.form.get("password", ""))
        except (Invalid, Forbidden, Conflict) as refusal:
            problem = str(refusal)
        else:
            let_in(user)
            return redirect(url_for("annotate.home"))
    return render_template("people/setup.html", problem=problem, token=token, email=email), 422 if problem else 200


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    """Show one's own account, with one's API tokens."""
    return _account()


def _account(secret: str | None = None, **problems: str) -> str:
    if current_user.must_change_password:
        return render_template("people/own_password.html", problems=problems, shortest=SHORTEST_PASSWORD)
    owner = db.session().get_one(User, access.user_id())
    tokens = api_tokens.of_person(db.session(), access.user_id())
    return render_template(
        "people/account.html",
        tokens=[(token, api_tokens.state(token)) for token in tokens],
        secret=secret,
        form_key=form_key.new(),
        scopes=api_tokens.scopes_for(db.session(), owner),
        days=api_tokens.DAYS,
        usual_days=api_tokens.USUAL_DAYS,
        problems=problems,
        shortest=SHORTEST_PASSWORD,
        has_password=owner.has_password,
        sessions=sessions.of_person(db.session(), access.user_id(), mellow().settings.session_idle),
        **WORDS,
    )


@blueprint.get("/account/export")
def export() -> ResponseReturnValue:
    """Send everything that is stored of the person who is signed in."""
    own, open_session = access.user_id(), mellow().sessions

    def content() -> Iterator[bytes]:
        with open_session() as reading:
            yield from archive.of_account(reading, own)

    return Response(content(), headers=archive.headers("my-data"))


@blueprint.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Change one's own password; every other session of one's own ends, and this one goes on with another cookie."""
    asked_for = current_user.must_change_password
    new, again = request.form.get("new", ""), request.form.get("again", "")
    try:
        if new != again:
            raise Invalid(gettext("The new password and its repetition differ."))
        with guarded(current_user.email, "password"):
            user = passwords.change_password(db.session(), access.user_id(), request.form.get("old", ""), new)
    except DomainError as refusal:
        return _account(password=str(refusal)), refusal.status, refusal.headers
    access.sign_in(user)
    flash(gettext("The password is changed, and you are signed out everywhere else."), "success")
    return redirect(url_for("annotate.home" if asked_for else "auth.account"))


@blueprint.post("/account/profile")
def change_profile() -> ResponseReturnValue:
    """Change one's own name and email."""
    form = request.form
    try:
        with guarded(current_user.email, "password"):
            user = accounts.change_profile(
                db.session(), access.user_id(), form.get("name", ""), form.get("email", ""), form.get("password", "")
            )
    except DomainError as refusal:
        return _account(profile=str(refusal)), refusal.status, refusal.headers
    known_browser.remember(user.email)
    flash(gettext("Your name and email are saved."), "success")
    return redirect(url_for("auth.account"))


@blueprint.post("/account/theme")
def change_theme() -> ResponseReturnValue:
    """Change the colours of every page for oneself, and return to the page where that was asked for."""
    desk_settings.change(db.session(), access.user_id(), {"theme": request.form.get("theme", "")})
    return redirect(access.page_before() or url_for("auth.account"))


@blueprint.post("/account/language")
def change_language() -> ResponseReturnValue:
    """Change the language of every page for oneself, and return to the page where that was asked for."""
    desk_settings.change(db.session(), access.user_id(), {"language": request.form.get("language", "")})
    return redirect(access.page_before() or url_for("auth.account"))


@blueprint.post("/account/token")
def new_token() -> ResponseReturnValue:
    """Make an API token; the page in this response is the only one that ever shows its secret."""
    form = request.form
    days = None if form.get("days") == "never" else row_id(form.get("days")) or 0
    try:
        _, secret = api_tokens.make(
            db.session(),
            access.user_id(),
            form.get("token_name", ""),
            form.getlist("scopes"),
            days,
            form_key=form_key.sent(),
        )
    except DomainError as refusal:
        return _account(token=str(refusal)), refusal.status
    return _account(secret), 201


@blueprint.post("/account/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Revoke one of one's own API tokens."""
    token = api_tokens.revoke(db.session(), access.user_id(), access.user_id(), token_id)
    flash(gettext("The token %(name)s no longer works.", name=token.name), "success")
    return redirect(url_for("auth.account"))


@blueprint.post("/account/sessions/<int:session_id>/end")
def end_session(session_id: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    sessions.end(db.session(), access.user_id(), access.user_id(), session_id, Ending.ELSEWHERE)
    flash(gettext("That session has ended."), "success")
    return redirect(url_for("auth.account"))


@blueprint.post("/account/sessions/end")
def end_other_sessions() -> ResponseReturnValue:
    """End all of one's own sessions but this one."""
    me, here = access.user_id(), current_user.session_id
    number = sessions.end_others(db.session(), me, me, Ending.ELSEWHERE, here)
    flash(
        gettext("You are signed out everywhere else.") if number else gettext("You were not signed in anywhere else."),
        "success",
    )
    return redirect(url_for("auth.account"))
