"""The admin pages of assignments: to make one, and all of them."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app.access import user_id
from app.api.payload import row_id
from app.domain_errors import Conflict, Invalid
from app.extensions import db
from app.routes.prompts import actions
from app.schemas.days import parse_day
from app.schemas.reading import read_form
from app.services.prompts.assigning import assignments, groups, listing, standing
from app.services.prompts.assigning.assignments import Assigning
from app.services.prompts.assigning.listing import AssignmentsQuery
from app.services.prompts.search import PromptFilter
from app.words import gettext, ngettext, number

blueprint = Blueprint("assignments", __name__, url_prefix="/admin/assignments")
Values = MultiDict[str, str]


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show the assignments that have not ended, or those that have."""
    problem = None
    try:
        query = read_form(AssignmentsQuery, request.args)
    except Invalid as refusal:
        problem, query = str(refusal), AssignmentsQuery()
    return render_template(
        "prompts/assigning/list.html",
        page=listing.page(db.session(), query),
        ended=query.ended == "yes",
        states={name: gettext(label) for name, label in listing.STATES.items()},
        problem=problem,
    )


@blueprint.get("/new")
def ask() -> ResponseReturnValue:
    """Say how many prompts are meant, those selected or all that a filter finds, and ask for whom they are."""
    try:
        return _form(request.args)
    except Invalid as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("prompts.queue"))


@blueprint.post("")
def make() -> ResponseReturnValue:
    """Assign the prompts."""
    try:
        made = assignments.assign(db.session(), user_id(), _meant(request.form), _wished(request.form))
    except Invalid as refusal:
        return _form(request.form, str(refusal)), refusal.status
    said = ngettext(
        "%(number)s prompt is assigned.", "%(number)s prompts are assigned.", made.prompts, number=number(made.prompts)
    )
    flash(said, "success")
    return redirect(url_for("assignments.page"))


@blueprint.post("/<int:assignment_id>/withdraw")
def withdraw(assignment_id: int) -> ResponseReturnValue:
    """Withdraw an assignment."""
    try:
        assignments.withdraw(db.session(), user_id(), assignment_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(gettext("The assignment is withdrawn: what was left of it is everybody's again."), "success")
    return redirect(url_for("assignments.page"))


def _form(values: Values, problem: str = "") -> str:
    session, meant = db.session(), _meant(values)
    known = [(f"user:{one.id}", one.name or one.email) for one in standing.people_here(session)]
    teams = [(f"group:{one.id}", one.name) for one in groups.groups_here(session) if one.members]
    return render_template(
        "prompts/assigning/new.html",
        found=assignments.count(session, meant),
        most=assignments.MOST,
        ids=[] if isinstance(meant, PromptFilter) else meant,
        query=meant.as_query() if isinstance(meant, PromptFilter) else {},
        people=known,
        groups=teams,
        values=values,
        today=standing.today().isoformat(),
        longest_note=assignments.LONGEST_NOTE,
        problem=problem,
    )


def _meant(values: Values) -> PromptFilter | list[int]:
    """Return the selected prompts, or a filter if none was selected."""
    return actions.selected(values.getlist("id")) or PromptFilter.parse(values)


def _wished(form: Values) -> Assigning:
    kind, _, chosen = form.get("who", "").partition(":")
    return Assigning(
        user_id=row_id(chosen) if kind == "user" else None,
        group_id=row_id(chosen) if kind == "group" else None,
        due=parse_day(form.get("due", ""), gettext("The day")),
        returns=form.get("returns") == "yes",
        note=form.get("note", ""),
    )
