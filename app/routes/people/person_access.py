"""Admins' actions on a person's access: end sessions, and make or withdraw links that reset the password."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.domain_errors import Conflict
from app.entrance import project_path
from app.extensions import db
from app.routes.people import person_page
from app.services.people import password_resets, sessions
from app.services.people.sessions import Ending
from app.words import gettext

blueprint = Blueprint("person_access", __name__, url_prefix="/admin/people/<int:person_id>")


@blueprint.post("/sessions/<int:session_id>/end")
def end_session(person_id: int, session_id: int) -> ResponseReturnValue:
    """End one session of a person."""
    sessions.end(db.session(), user_id(), person_id, session_id, Ending.ADMIN)
    flash(gettext("That session has ended."), "success")
    return _back(person_id)


@blueprint.post("/sessions/end")
def end_sessions(person_id: int) -> ResponseReturnValue:
    """End all sessions of a person."""
    number = sessions.end_others(db.session(), user_id(), person_id, Ending.ADMIN, None)
    flash(
        gettext("They are signed out everywhere.") if number else gettext("They were not signed in anywhere."),
        "success",
    )
    return _back(person_id)


@blueprint.post("/resets")
def make_reset_link(person_id: int) -> ResponseReturnValue:
    """Make a link that resets the person's password; the page in this response is the only one that shows it."""
    try:
        _, token = password_resets.make(db.session(), user_id(), person_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
        return _back(person_id)
    return person_page.render(person_id, project_path.link("reset.page", token=token)), 201


@blueprint.post("/resets/<int:reset_id>/withdraw")
def withdraw_reset_link(person_id: int, reset_id: int) -> ResponseReturnValue:
    """Withdraw a reset link."""
    try:
        password_resets.withdraw(db.session(), user_id(), person_id, reset_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(gettext("That link no longer resets the password."), "success")
    return _back(person_id)


def _back(person_id: int) -> ResponseReturnValue:
    return redirect(url_for("people.person", person_id=person_id))
