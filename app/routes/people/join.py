"""The page of an invitation link."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.domain_errors import Conflict, Invalid
from app.extensions import db
from app.routes.people.signing_in import let_in
from app.services.people import invitations
from app.services.people.passwords import SHORTEST_PASSWORD

blueprint = Blueprint("join", __name__)


@blueprint.route("/join/<token>", methods=["GET", "POST"])
def page(token: str) -> ResponseReturnValue:
    """Show the form of an invitation, or create its account; raises NotFound if the link cannot be used."""
    session = db.session()
    invitation = invitations.of_token(session, token)
    form, problem, status = request.form, None, 200
    if request.method == "POST" and not current_user.is_authenticated:
        given = (form.get(name, "") for name in ("email", "name", "password"))
        try:
            user = invitations.accept(session, token, *given)
        except (Invalid, Conflict) as refusal:
            problem, status = str(refusal), int(refusal.status)
        else:
            let_in(user)
            return redirect(url_for("annotate.home"))
    return render_template(
        "people/join.html",
        token=token,
        role=invitation.role,
        form=form,
        problem=problem,
        shortest=SHORTEST_PASSWORD,
    ), status
