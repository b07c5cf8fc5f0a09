"""The admin pages of people: accounts, statistics, agreement, and invitations."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import user_id
from app.api.payload import row_id
from app.db import ProjectRole, Role
from app.domain_errors import Conflict, DomainError, Invalid
from app.entrance import project_path
from app.extensions import db
from app.routes import table_view
from app.routes.number_format import WORDS
from app.routes.people import form_key, person_page
from app.routes.table_view import Column, Table
from app.services.people import accounts, agreement, api_tokens, deletion, invitations, links, ratings, statistics
from app.services.projects import memberships
from app.services.projects.memberships import Seat
from app.services.prompts import studio_settings
from app.words import N_, gettext

_PEOPLE = Table(
    "people.page",
    (
        Column("person", N_("Person"), always=True),
        Column("role", N_("Role")),
        Column("judgments", N_("Judgments"), number=True),
        Column("pace", N_("Pace"), sorts=False),
        Column("checks", N_("Attention checks"), sorts=False),
        Column("bias", N_("Position bias"), sorts=False),
        Column("seen", N_("Last seen")),
    ),
    ("after",),
)

_PROJECT = "project-"
"""What the names of fields begin with that give a role in a project."""

blueprint = Blueprint("people", __name__, url_prefix="/admin/people")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show everybody with their habits and agreement, and the forms that add people."""
    return _page()


@blueprint.post("")
def add_person() -> ResponseReturnValue:
    """Add an account."""
    form = request.form
    given = (form.get(name, "") for name in ("email", "password", "role", "name"))
    try:
        user = accounts.add_user(db.session(), user_id(), *given, projects=_chosen_projects())
    except DomainError as refusal:
        return _page(form=form, problem=str(refusal)), refusal.status
    flash(gettext("%(email)s may sign in now.", email=user.email), "success")
    return redirect(url_for("people.page"))


@blueprint.get("/<int:person_id>")
def person(person_id: int) -> ResponseReturnValue:
    """Show one person: habits, agreement with each of the others, access, and their judgments."""
    return person_page.render(person_id)


@blueprint.post("/<int:person_id>/tokens/<int:token_id>/revoke")
def revoke_token(person_id: int, token_id: int) -> ResponseReturnValue:
    """Revoke an API token of a person."""
    token = api_tokens.revoke(db.session(), user_id(), person_id, token_id)
    flash(gettext("The token %(name)s no longer works.", name=token.name), "success")
    return redirect(url_for("people.person", person_id=person_id))


@blueprint.post("/<int:person_id>/active")
def set_active(person_id: int) -> ResponseReturnValue:
    """Activate or deactivate an account."""
    active = request.form.get("active") == "yes"
    try:
        user = accounts.set_active(db.session(), user_id(), person_id, active)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        again = gettext("%(email)s may sign in again.", email=user.email)
        flash(again if active else gettext("%(email)s may no longer sign in.", email=user.email), "success")
    return redirect(url_for("people.page"))


@blueprint.post("/<int:person_id>/role")
def set_role(person_id: int) -> ResponseReturnValue:
    """Make a person an admin or an annotator."""
    try:
        user = accounts.set_role(db.session(), user_id(), person_id, request.form.get("role", ""))
    except (Conflict, Invalid) as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("people.person", person_id=person_id))
    admin = gettext("%(email)s is an admin from now on.", email=user.email)
    flash(admin if user.is_admin else gettext("%(email)s is an annotator from now on.", email=user.email), "success")
    if person_id == user_id() and not user.is_admin:
        return redirect(url_for("annotate.page"))  # they may not open this page any more
    return redirect(url_for("people.person", person_id=person_id))


@blueprint.post("/invitations")
def invite() -> ResponseReturnValue:
    """Create an invitation link; the page in this response is the only one that ever shows it."""
    form = request.form
    wanted = (form.get("role", ""), form.get("label", ""), row_id(form.get("days")) or 0)
    try:
        _, token = invitations.invite(db.session(), user_id(), *wanted, form_key.sent(), _chosen_projects())
    except DomainError as refusal:
        return _page(invite_form=form, invite_problem=str(refusal)), refusal.status
    return _page(link=project_path.link("join.page", token=token)), 201


@blueprint.post("/invitations/<int:invitation_id>/withdraw")
def withdraw(invitation_id: int) -> ResponseReturnValue:
    """Withdraw an invitation link."""
    try:
        invitations.withdraw(db.session(), user_id(), invitation_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(gettext("That link no longer makes an account."), "success")
    return redirect(url_for("people.page"))


def _chosen_projects() -> dict[int, ProjectRole] | None:
    """Return the projects that the form of a new person names, role by id; None if it offers none, as of an admin."""
    roles = {name.removeprefix(_PROJECT): role for name, role in request.form.items() if name.startswith(_PROJECT)}
    return memberships.chosen(db.session(), roles) if roles and request.form.get("role") != Role.ADMIN else None


def _several() -> list[Seat]:
    """Return the projects that a new person can come into, none if there is one alone."""
    return current_user.seats if len(current_user.seats) > 1 else []


def _page(**given: Any) -> str:
    session = db.session()
    view = table_view.read(_PEOPLE)
    window = statistics.window(session, row_id(request.args.get("after")) or 0, view.sort)
    cut = view.cut(window)
    agreed = agreement.measured(session)
    return render_template(
        "people/page.html",
        **{"form": {}, "invite_form": {}} | given,
        form_key=form_key.new(),
        view=view,
        window=window,
        cut=cut,
        members=statistics.members(session, cut.ids),
        totals=statistics.totals(session),
        alpha=agreed.alpha,
        rankings=agreed.rankings,
        pairs=agreed.pairs[: person_page.MOST_PAIRS],
        more_pairs=max(0, len(agreed.pairs) - person_page.MOST_PAIRS),
        names=person_page.names(agreed.pairs[: person_page.MOST_PAIRS]),
        imported=deletion.imported(session),
        invitations=[(one, links.state(one)) for one in invitations.latest(session)],
        days=invitations.DAYS,
        roles=list(Role),
        projects=_several(),
        project_roles=memberships.ROLES,
        factor_required=studio_settings.settings(session).second_factor_of_admins,
        windows=(statistics.WINDOW, ratings.WINDOW),
        **WORDS,
    )
