"""The admin pages of groups: all of them, and who is in one."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import row_id
from app.domain_errors import Conflict, Invalid
from app.extensions import db
from app.services.people import accounts
from app.services.prompts.assigning import groups
from app.words import gettext

blueprint = Blueprint("groups", __name__, url_prefix="/admin/people/groups")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show all groups, and the form that makes one."""
    return _page()


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Make a group, and lead to who is in it."""
    try:
        made = groups.create(db.session(), user_id(), request.form.get("name", ""))
    except (Invalid, Conflict) as refusal:
        return _page(str(refusal)), refusal.status
    flash(gettext("The group is made: say who is in it."), "success")
    return redirect(url_for("groups.group", group_id=made.id))


@blueprint.get("/<int:group_id>")
def group(group_id: int) -> ResponseReturnValue:
    """Show who is in a group."""
    return _group_page(group_id)


@blueprint.post("/<int:group_id>")
def change(group_id: int) -> ResponseReturnValue:
    """Rename a group and say who is in it."""
    members = [number for value in request.form.getlist("member") if (number := row_id(value)) is not None]
    try:
        groups.change(db.session(), user_id(), group_id, request.form.get("name", ""), members)
    except (Invalid, Conflict) as refusal:
        return _group_page(group_id, str(refusal)), refusal.status
    flash(gettext("The group is saved."), "success")
    return redirect(url_for("groups.page"))


@blueprint.post("/<int:group_id>/delete")
def remove(group_id: int) -> ResponseReturnValue:
    """Delete a group."""
    groups.remove(db.session(), user_id(), group_id)
    flash(gettext("The group is deleted. What was assigned to it is everybody's again."), "success")
    return redirect(url_for("groups.page"))


def _page(problem: str = "") -> str:
    session = db.session()
    return render_template(
        "people/groups/list.html",
        groups=groups.all_groups(session),
        names={one.id: one.name or one.email for one in accounts.people(session)},
        typed=request.form.get("name", ""),
        longest=groups.LONGEST_NAME,
        problem=problem,
    )


def _group_page(group_id: int, problem: str = "") -> str:
    session = db.session()
    return render_template(
        "people/groups/one.html",
        group=groups.get(session, group_id),
        people=[one for one in accounts.people(session) if one.deleted_at is None],
        longest=groups.LONGEST_NAME,
        problem=problem,
    )
