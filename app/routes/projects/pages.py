"""The page of all projects, for admins of the studio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import user_id
from app.api.payload import row_id
from app.context import mellow
from app.db import ANSWERING, REWRITING
from app.domain_errors import Conflict, DomainError
from app.entrance import project_path
from app.extensions import db
from app.routes.projects import actions
from app.services.projects import creation, memberships, projects
from app.services.projects.projects import Text
from app.words import N_, gettext

TASKS = {REWRITING: N_("Rewrite texts"), ANSWERING: N_("Answer in a chat")}

blueprint = Blueprint("projects", __name__, url_prefix="/admin/projects")


@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show all projects, and the form that creates one."""
    return _page({})


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Create a project, and lead to its own page, where people come in."""
    form = request.form
    text = Text(form.get("name", ""), form.get("instruction", ""))
    copy_of = row_id(form.get("copy_of"))
    try:
        made = actions.create(form.get("slug", ""), text, form.get("task", REWRITING), copy_of)
    except DomainError as refusal:
        return _page(form, str(refusal)), refusal.status
    flash(gettext("The project %(name)s is there. Say now who works on it.", name=made.name), "success")
    return redirect(project_path.address(made.slug, "project.page"))


@blueprint.post("/<int:project_id>/archive")
def archive(project_id: int) -> ResponseReturnValue:
    """Archive a project."""
    try:
        project = projects.set_archived(db.session(), user_id(), project_id, True)
    except Conflict as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("projects.page"))
    flash(gettext("The project %(name)s is archived.", name=project.name), "success")
    return redirect(project_path.address(None, "projects.page"))  # the page may have been one of that project's


@blueprint.post("/<int:project_id>/restore")
def restore(project_id: int) -> ResponseReturnValue:
    """Restore a project that was archived."""
    project = projects.set_archived(db.session(), user_id(), project_id, False)
    flash(gettext("The project %(name)s is back.", name=project.name), "success")
    return redirect(url_for("projects.page"))


def _page(form: Mapping[str, str], problem: str | None = None) -> str:
    session, settings = db.session(), mellow().settings
    return render_template(
        "projects/page.html",
        projects=[(one, memberships.members(session, one.id)) for one in projects.every(session)],
        origins=creation.origins(session),
        form=form,
        problem=problem,
        limits=projects,
        tasks=TASKS,
        chat_model=Path(settings.chat_model).name or settings.chat_server_model,
    )
