"""The page of the present project, for its admins: name, instruction and members."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import user_id
from app.domain_errors import DomainError
from app.extensions import db
from app.routes.number_format import WORDS
from app.services.people import agreement, statistics
from app.services.projects import memberships, projects
from app.services.projects.projects import Text
from app.words import gettext

blueprint = Blueprint("project", __name__, url_prefix="/admin/project")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the project, who works on it, and how."""
    return _page()


@blueprint.post("")
def change() -> ResponseReturnValue:
    """Change the name and the instruction."""
    form = request.form
    try:
        projects.change(db.session(), user_id(), _project(), Text(form.get("name", ""), form.get("instruction", "")))
    except DomainError as refusal:
        return _page(form, problem=str(refusal)), refusal.status
    flash(gettext("Saved. Everybody sees it from now on."), "success")
    return redirect(url_for("project.page"))


@blueprint.post("/members")
def put_member() -> ResponseReturnValue:
    """Bring somebody who has an account into the project, or change their role."""
    form = request.form
    try:
        user = memberships.put(db.session(), user_id(), _project(), form.get("email", ""), form.get("role", ""))
    except DomainError as refusal:
        return _page(member_form=form, member_problem=str(refusal)), refusal.status
    flash(gettext("%(email)s has that role in this project from now on.", email=user.email), "success")
    return _back(user.id)


@blueprint.post("/members/<int:person_id>/remove")
def remove_member(person_id: int) -> ResponseReturnValue:
    """Take somebody out of the project."""
    try:
        user = memberships.remove(db.session(), user_id(), _project(), person_id)
    except DomainError as refusal:
        flash(str(refusal), "warning")
    else:
        flash(gettext("%(email)s is no longer in this project.", email=user.email), "success")
    return _back(person_id)


def _back(changed: int) -> ResponseReturnValue:
    """Lead to the page, or to the first one if somebody may not open it any more because of what they did."""
    away = changed == user_id() and not current_user.is_admin
    return redirect(url_for("annotate.home" if away else "project.page"))


def _project() -> int:
    number: int = current_user.seat.id
    return number


def _page(
    form: Mapping[str, str] | None = None,
    problem: str | None = None,
    member_form: Mapping[str, str] | None = None,
    member_problem: str | None = None,
) -> str:
    session = db.session()
    project, members = projects.get(session, _project()), memberships.members(session, _project())
    told = {one.user.id: one for one in statistics.members(session, [member.user.id for member in members])}
    return render_template(
        "projects/project.html",
        project=project,
        given=form or {"name": project.name, "instruction": project.instruction},
        problem=problem,
        members=[(member, told[member.user.id]) for member in members],
        alpha=agreement.measured(session).alpha,
        roles=memberships.ROLES,
        member_form=member_form or {},
        member_problem=member_problem,
        limits=projects,
        **WORDS,
    )
