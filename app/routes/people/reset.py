"""The page of a link that resets a password."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.domain_errors import Invalid
from app.extensions import db
from app.services.people import password_resets
from app.services.people.passwords import SHORTEST_PASSWORD
from app.words import gettext

blueprint = Blueprint("reset", __name__)


@blueprint.route("/reset/<token>", methods=["GET", "POST"])
def page(token: str) -> ResponseReturnValue:
    """Show the form of a reset link, or set the password; raises NotFound if the link cannot be used."""
    session = db.session()
    _, user = password_resets.of_token(session, token)
    form, problem, status = request.form, None, 200
    if request.method == "POST" and not current_user.is_authenticated:
        try:
            if form.get("new", "") != form.get("again", ""):
                raise Invalid(gettext("The new password and its repetition differ."))
            password_resets.use(session, token, form.get("new", ""))
        except Invalid as refusal:
            problem, status = str(refusal), int(refusal.status)
        else:
            flash(gettext("Your new password is set: sign in with it."), "success")
            return redirect(url_for("auth.sign_in"))
    return render_template(
        "people/reset.html", token=token, email=user.email, problem=problem, shortest=SHORTEST_PASSWORD
    ), status
