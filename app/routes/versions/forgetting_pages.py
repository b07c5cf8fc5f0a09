"""The admin pages of forgetting: choose what, see which versions learned from it, make them again, delete the old."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.db import ForgettingKind
from app.domain_errors import Conflict, DomainError, Invalid
from app.extensions import db
from app.routes.versions import forgetting_actions
from app.routes.versions.elsewhere import address_in
from app.services.exchange.incoming import history
from app.services.training import preference_rows
from app.services.training.rebuilds import forgetting_runs
from app.services.versions import forgetting, versions
from app.services.versions.forgetting import Elsewhere, Forgotten
from app.words import gettext, ngettext
from models.model_errors import StoreError


class Others(NamedTuple):
    """Other projects with the addresses of this page in them, and whether there are some that the person is not told.

    Without an address the person may not open it there.
    """

    named: Sequence[tuple[Elsewhere, str | None]]
    more: bool


blueprint = Blueprint("forgetting", __name__, url_prefix="/admin/versions/forget")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show what can be forgotten, and, once something is chosen, the versions that learned from it."""
    return _page()


def _page(problem: str = "") -> str:
    session, asked = db.session(), request.values
    meant = None
    if asked.get("kind"):
        try:
            meant = forgetting.forgotten(session, asked["kind"], asked.get("number", type=int))
        except DomainError as refusal:
            problem = str(refusal)
    learners = forgetting.learners(session, meant) if meant else []
    target = asked.get("target", type=int) or forgetting_runs.default_target(session, learners)
    known = {one.version.number for one in learners}
    return render_template(
        "versions/forget.html",
        kinds=ForgettingKind,
        people=preference_rows.people(session),
        imports=history.page(session).imports,
        meant=meant,
        learners=learners,
        others=_others(meant) if meant else None,
        plan=forgetting_runs.plan(session, meant, learners, target) if meant and target in known else None,
        serving=versions.serving_number(session),
        states=forgetting_runs.every(session),
        problem=problem,
    )


@blueprint.post("")
def start() -> ResponseReturnValue:
    """Ask for the runs that make versions again."""
    form = request.form
    try:
        meant = _meant()
        row, is_new = forgetting_actions.request_forgetting(meant, form.get("target", type=int), "serve" in form)
    except DomainError as refusal:
        return _page(str(refusal)), refusal.status
    if not is_new:
        flash(gettext("This was requested already: its runs have not ended yet."), "info")
    return redirect(url_for("forgetting.progress", forgetting_id=row.id))


@blueprint.get("/<int:forgetting_id>")
def progress(forgetting_id: int) -> ResponseReturnValue:
    """Show how far a forgetting has come."""
    session = db.session()
    row = forgetting_runs.get(session, forgetting_id)
    return render_template(
        "versions/forgetting.html",
        state=forgetting_runs.state(session, row),
        meant=Forgotten(ForgettingKind(row.kind), row.number),
        serving=versions.serving_number(session),
    )


@blueprint.post("/<int:forgetting_id>/delete")
def delete_old(forgetting_id: int) -> ResponseReturnValue:
    """Delete the versions that learned from what was forgotten, if their number was typed to confirm."""
    try:
        numbers = forgetting_actions.delete_old(forgetting_id, request.form.get("confirm", ""))
    except (Conflict, Invalid) as refusal:
        flash(str(refusal), "warning")
    except (StoreError, OSError) as error:
        flash(gettext("Not all files could be removed: %(error)s", error=error), "warning")
    else:
        flash(ngettext("%(num)d version is deleted.", "%(num)d versions are deleted.", len(numbers)), "success")
    return redirect(url_for("forgetting.progress", forgetting_id=forgetting_id))


def _others(meant: Forgotten) -> Others:
    """Return what other projects have of it, as far as it is for the person who asks."""
    found = forgetting.elsewhere(db.session(), meant)
    asked = {"kind": str(meant.kind), "number": meant.number}
    named = [(one, address_in(one.id, "forgetting.page", **asked)) for one in found]
    shown = [(one, address) for one, address in named if address or current_user.is_admin]
    return Others(shown, len(found) > len(shown))


def _meant() -> Forgotten:
    return forgetting.forgotten(db.session(), request.form.get("kind", ""), request.form.get("number", type=int))
