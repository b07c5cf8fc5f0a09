"""The admin pages of people: accounts, statistics, agreement, and invitations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import row_id
from app.db import Role, User, Verdict
from app.domain_errors import Conflict, DomainError, Invalid, NotFound
from app.extensions import db
from app.routes.number_format import WORDS
from app.routes.people import shown_once
from app.services.people import accounts, agreement, deletion, invitations, ratings, statistics
from app.services.people.agreement import Pair
from app.services.people.ratings import Person

blueprint = Blueprint("people", __name__, url_prefix="/admin/people")

_NEW_LINK = "new_invitation"

_MOST_PAIRS = 50
_ONLY = {"flagged": "flagged", "gold": "attention checks", "undone": "undone"}


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show everybody with their habits and agreement, and the forms that add people."""
    return _page(link=shown_once.take(_NEW_LINK))


@blueprint.post("")
def add_person() -> ResponseReturnValue:
    """Add an account."""
    form = request.form
    given = (form.get(name, "") for name in ("email", "password", "role", "name"))
    try:
        user = accounts.add_user(db.session(), user_id(), *given)
    except DomainError as refusal:
        return _page(form=form, problem=str(refusal)), refusal.status
    flash(f"{user.email} may sign in now.", "success")
    return redirect(url_for("people.page"))


@blueprint.get("/<int:person_id>")
def person(person_id: int) -> ResponseReturnValue:
    """Show one person: habits, agreement with each of the others, and their judgments."""
    session = db.session()
    user = _person(person_id)
    before, verdict, only = (
        row_id(request.args.get("before")),
        request.args.get("verdict", ""),
        request.args.get("only"),
    )
    shown = statistics.judgments(
        session, person_id, before, Verdict(verdict) if verdict in list(Verdict) else None, only or ""
    )
    more = shown[-1].id if len(shown) == statistics.JUDGMENTS_AT_ONCE else None
    pairs = [pair for pair in agreement.measured(session).pairs if person_id in (pair.one, pair.other)]
    return render_template(
        "people/person.html",
        person=user,
        said=statistics.said(session, person_id),
        habits=statistics.habits(session, person_id),
        window=statistics.WINDOW,
        pairs=[(pair.other if pair.one == person_id else pair.one, pair.same) for pair in pairs[:_MOST_PAIRS]],
        names=_names(pairs),
        judgments=shown,
        older=more,
        verdict=verdict,
        only=only,
        verdicts=list(Verdict),
        onlies=_ONLY,
        roles=list(Role),
        **WORDS,
    )


@blueprint.post("/<int:person_id>/active")
def set_active(person_id: int) -> ResponseReturnValue:
    """Activate or deactivate an account."""
    active = request.form.get("active") == "yes"
    try:
        user = accounts.set_active(db.session(), user_id(), person_id, active)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(f"{user.email} may {'sign in again' if active else 'no longer sign in'}.", "success")
    return redirect(url_for("people.page"))


@blueprint.post("/<int:person_id>/role")
def set_role(person_id: int) -> ResponseReturnValue:
    """Make a person an admin or an annotator."""
    try:
        user = accounts.set_role(db.session(), user_id(), person_id, request.form.get("role", ""))
    except (Conflict, Invalid) as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("people.person", person_id=person_id))
    flash(f"{user.email} is {'an admin' if user.is_admin else 'an annotator'} from now on.", "success")
    if person_id == user_id() and not user.is_admin:
        return redirect(url_for("annotate.page"))  # they may not open this page any more
    return redirect(url_for("people.person", person_id=person_id))


@blueprint.post("/invitations")
def invite() -> ResponseReturnValue:
    """Create an invitation link, which the next page shows once."""
    form = request.form
    try:
        _, token = invitations.invite(
            db.session(), user_id(), form.get("role", ""), form.get("label", ""), row_id(form.get("days")) or 0
        )
    except Invalid as refusal:
        return _page(invite_form=form, invite_problem=str(refusal)), refusal.status
    shown_once.put(_NEW_LINK, url_for("join.page", token=token, _external=True))
    return redirect(url_for("people.page"))


@blueprint.post("/invitations/<int:invitation_id>/withdraw")
def withdraw(invitation_id: int) -> ResponseReturnValue:
    """Withdraw an invitation link."""
    try:
        invitations.withdraw(db.session(), user_id(), invitation_id)
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash("That link no longer makes an account.", "success")
    return redirect(url_for("people.page"))


def _page(**given: Any) -> str:
    session = db.session()
    members = statistics.members(session, row_id(request.args.get("after")) or 0)
    agreed = agreement.measured(session)
    more = members[-1].user.id if len(members) == statistics.PEOPLE_AT_ONCE else None
    return render_template(
        "people/page.html",
        **{"form": {}, "invite_form": {}} | given,
        members=members,
        more=more,
        totals=statistics.totals(session),
        alpha=agreed.alpha,
        pairs=agreed.pairs[:_MOST_PAIRS],
        more_pairs=max(0, len(agreed.pairs) - _MOST_PAIRS),
        names=_names(agreed.pairs[:_MOST_PAIRS]),
        imported=deletion.imported(session),
        invitations=[(one, invitations.state(one)) for one in invitations.latest(session)],
        days=invitations.DAYS,
        roles=list(Role),
        windows=(statistics.WINDOW, ratings.WINDOW),
        **WORDS,
    )


def _names(pairs: Sequence[Pair] = ()) -> dict[Person, str]:
    """Return what everybody is called: users by name or else email, and those of imported files in these pairs."""
    named: dict[Person, str] = {user.id: user.name or user.email for user in accounts.people(db.session())}
    imported = {one for pair in pairs for one in (pair.one, pair.other) if isinstance(one, str)}
    return named | {one: f"{one}, imported" for one in imported}


def _person(person_id: int) -> User:
    user = db.session().get(User, person_id)
    if user is None:
        raise NotFound(f"There is no user {person_id}.")
    return user
