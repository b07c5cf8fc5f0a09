"""The second factor: its page at sign-in, one's own settings of it, and what admins decide."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import user_id
from app.context import mellow
from app.db import User
from app.domain_errors import Conflict, DomainError
from app.extensions import db
from app.routes.people.authentication import entering
from app.routes.people.signing_in import guarded
from app.services.people.authentication import recovery_codes, second_factor
from app.services.prompts import studio_settings
from app.words import gettext

blueprint = Blueprint("factors", __name__)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
def code() -> ResponseReturnValue:
    """Ask for the second factor of somebody whose password was right, or sign them in with it."""
    halfway = entering.halfway()
    if halfway is None:
        if request.method == "POST":
            flash(gettext("That took too long: sign in again."), "warning")
        return redirect(url_for("auth.sign_in"))
    if request.method == "GET":
        return render_template("people/code.html", problem=None)
    user = halfway.user
    try:
        with guarded(user.email, "code"):
            left = second_factor.check(db.session(), user.id, _secret_key(), request.form.get("code", ""))
    except DomainError as refusal:
        return render_template("people/code.html", problem=str(refusal)), refusal.status, refusal.headers
    if left is not None:
        flash(
            gettext(
                "That recovery code is used up; %(left)s of %(whole)s are left.", left=left, whole=recovery_codes.CODES
            ),
            "warning",
        )
    return entering.finish(user, halfway.wanted)


@blueprint.get("/account/second-factor")
def page() -> ResponseReturnValue:
    """Show one's own second factor, or how to set one up."""
    return _page()


@blueprint.post("/account/second-factor")
def draw() -> ResponseReturnValue:
    """Draw a new secret for one's app, which the page then shows."""
    try:
        second_factor.draw(db.session(), user_id(), _secret_key())
    except Conflict as refusal:
        flash(str(refusal), "warning")
    return redirect(url_for("factors.page"))


@blueprint.post("/account/second-factor/confirm")
def confirm() -> ResponseReturnValue:
    """Turn the second factor on with the first code of the app; only this response shows the recovery codes."""
    try:
        with guarded(current_user.email, "code"):
            codes = second_factor.enable(db.session(), user_id(), _secret_key(), request.form.get("code", ""))
    except DomainError as refusal:
        return _page(confirm=str(refusal)), refusal.status, refusal.headers
    flash(gettext("The second factor is on: signing in now also asks for a code from your app."), "success")
    return _page(codes), 201


@blueprint.post("/account/second-factor/codes")
def renew_codes() -> ResponseReturnValue:
    """Make new recovery codes in place of the old ones; only this response shows them."""
    try:
        _prove()
        codes = second_factor.renew_codes(db.session(), user_id())
    except DomainError as refusal:
        return _page(renew=str(refusal)), refusal.status, refusal.headers
    flash(gettext("The new recovery codes work; the old ones do not any more."), "success")
    return _page(codes), 201


@blueprint.post("/account/second-factor/remove")
def switch_off() -> ResponseReturnValue:
    """Switch one's own second factor off."""
    try:
        _prove()
        second_factor.remove(db.session(), user_id(), user_id())
    except DomainError as refusal:
        return _page(remove=str(refusal)), refusal.status, refusal.headers
    flash(gettext("The second factor is off, and its recovery codes are gone."), "success")
    return redirect(url_for("factors.page"))


@blueprint.post("/admin/people/second-factor")
def require() -> ResponseReturnValue:
    """Decide whether every admin must have a second factor."""
    required = request.form.get("required") == "yes"
    studio_settings.change(db.session(), user_id(), {second_factor.REQUIRED: required})
    flash(
        gettext("Every admin must have a second factor now.") if required else gettext("Admins may now do without it."),
        "success",
    )
    return redirect(url_for("people.page"))


@blueprint.post("/admin/people/<int:person_id>/second-factor/remove")
def remove(person_id: int) -> ResponseReturnValue:
    """Take the second factor away from somebody who has lost it."""
    try:
        user = second_factor.remove(db.session(), user_id(), person_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(gettext("%(email)s signs in without a second factor from now on.", email=user.email), "success")
    return redirect(url_for("people.person", person_id=person_id))


def _page(codes: Sequence[str] = (), **problems: str) -> str:
    session, person = db.session(), user_id()
    secret = second_factor.drawn(session, person, _secret_key())
    return render_template(
        "people/second_factor.html",
        on=second_factor.enabled(session, person),
        required=second_factor.missing(session, person) if current_user.is_admin else False,
        secret=secret,
        picture=_picture(second_factor.address(secret, current_user.email)) if secret else None,
        codes=codes,
        left=recovery_codes.left(session, person),
        has_password=session.get_one(User, person).has_password,
        problems=problems,
    )


def _prove() -> None:
    with guarded(current_user.email, "code"):
        second_factor.prove(db.session(), user_id(), _secret_key(), request.form.get("proof", ""))


def _picture(address: str) -> str:
    """Return the QR code of an address as a data: image, black on white in every theme."""
    import segno  # for a new second factor only

    return segno.make(address, error="m").svg_data_uri(scale=5, border=4, light="#fff")


def _secret_key() -> str:
    return mellow().settings.secret_key
