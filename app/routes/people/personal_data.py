"""The admin pages of what is stored of one person: taken along as a file, and deleted."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.context import mellow
from app.db import User
from app.domain_errors import DomainError, Invalid, NotFound
from app.extensions import db
from app.services.exchange.personal import archive
from app.services.people import deletion
from app.services.people.deletion import Deleted
from app.services.system import audit, backups, deletions
from app.words import gettext

blueprint = Blueprint("personal_data", __name__, url_prefix="/admin/people")


@blueprint.get("/<int:person_id>/export")
def export(person_id: int) -> ResponseReturnValue:
    """Send everything that is stored of a person with an account."""
    _person(person_id)
    _record_export(f"user {person_id}")
    sessions = mellow().sessions

    def content() -> Iterator[bytes]:
        with sessions() as session:
            yield from archive.of_account(session, person_id)

    return Response(content(), headers=archive.headers(f"person-{person_id}"))


@blueprint.get("/imported/export")
def export_imported() -> ResponseReturnValue:
    """Send everything that is stored of a person whom imported files name."""
    name = request.args.get("name", "")
    deletion.imported_traces(db.session(), name)
    _record_export("imported person")
    sessions = mellow().sessions

    def content() -> Iterator[bytes]:
        with sessions() as session:
            yield from archive.of_imported(session, name)

    return Response(content(), headers=archive.headers("imported-person"))


@blueprint.get("/<int:person_id>/delete")
def ask(person_id: int) -> ResponseReturnValue:
    """Say what would go with an account and what would stay, and ask for the email."""
    return _account_page(person_id)


@blueprint.post("/<int:person_id>/delete")
def delete(person_id: int) -> ResponseReturnValue:
    """Delete an account, and what the person wrote or all but their judgments."""
    confirmed = request.form.get("confirm", "")
    try:
        deleted = deletion.delete_person(db.session(), user_id(), person_id, confirmed, _keeps())
    except DomainError as refusal:
        if isinstance(refusal, NotFound):
            raise
        return _account_page(person_id, str(refusal)), refusal.status
    return _done(
        gettext("The account is deleted. What stays of it is called %(pseudonym)s.", pseudonym=deleted.pseudonym),
        deleted,
    )


@blueprint.get("/imported")
def ask_imported() -> ResponseReturnValue:
    """Say what is stored of a person whom imported files name, and what would go with them."""
    return _imported_page(request.args.get("name", ""))


@blueprint.post("/imported")
def delete_imported() -> ResponseReturnValue:
    """Delete the judgments of a person whom imported files name, or only the name."""
    name, confirmed = request.form.get("name", ""), request.form.get("confirm", "")
    try:
        deleted = deletion.delete_imported(db.session(), user_id(), name, confirmed, _keeps())
    except DomainError as refusal:
        if isinstance(refusal, NotFound):
            raise
        return _imported_page(name, str(refusal)), refusal.status
    kept = gettext("They are called %(pseudonym)s from now on.", pseudonym=deleted.pseudonym)
    return _done(kept if deleted.pseudonym else gettext("Their judgments are deleted."), deleted)


def _keeps() -> bool:
    """Return whether the judgments are to stay; raises Invalid if the form does not say."""
    chosen = request.form.get("judgments")
    if chosen not in ("keep", "delete"):
        raise Invalid(gettext("Say whether the judgments are deleted or stay."))
    return chosen == "keep"


def _account_page(person_id: int, problem: str = "") -> str:
    person = _person(person_id)
    return _page(
        name=person.name or person.email,
        confirm=person.email,
        person=person,
        traces=deletion.traces(db.session(), person_id),
        problem=problem,
    )


def _imported_page(name: str, problem: str = "") -> str:
    traces = deletion.imported_traces(db.session(), name)
    return _page(
        name=gettext("%(name)s, imported", name=name), confirm=name, person=None, traces=traces, problem=problem
    )


def _page(**shown: object) -> str:
    kept = backups.kept(mellow().settings)
    return render_template("people/delete.html", backups=len(kept), **shown)


def _done(said: str, deleted: Deleted) -> ResponseReturnValue:
    """Remove what lies beside the tables, and lead back to everybody."""
    left = deletions.finish(db.engine, mellow().settings.home, deleted.texts)
    mellow().background.judged()
    flash(said, "success")
    if left:
        flash(left, "warning")
    return redirect(url_for("people.page"))


def _person(person_id: int) -> User:
    user = db.session().get(User, person_id)
    if user is None:
        raise NotFound(gettext("There is no user %(id)s.", id=person_id))
    return user


def _record_export(subject: str) -> None:
    session = db.session()
    audit.record(session, user_id(), "person.exported", subject)
    session.commit()
