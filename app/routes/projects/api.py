"""The API of projects."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_login import current_user
from msgspec import UNSET

from app.access import user_id
from app.api import projects as described
from app.api.operations import gives, operation
from app.api.projects import OwnProject, ProjectChange, ProjectRequest
from app.db import Project
from app.extensions import db
from app.routes.projects import actions
from app.services.projects import projects
from app.services.projects.projects import Text

blueprint = Blueprint("api_projects", __name__)


@blueprint.get("/projects")
@operation("The projects that one may enter, and one's role in each", gives("Projects.", list[OwnProject]))
def list_projects() -> ResponseReturnValue:
    """The projects that one may enter; archived ones nobody may."""
    return [seat._asdict() for seat in current_user.seats]


@blueprint.post("/projects")
@operation(
    "Create a project whose first version is a copy of the base, the chat model, or a copy of a version of any project",
    gives("The project.", described.Project, status=201),
    body=ProjectRequest,
    refusals=(404, 409),
)
def create_project(body: ProjectRequest) -> ResponseReturnValue:
    """Create a project."""
    text = Text(body.name, body.instruction)
    return _json(actions.create(body.slug, text, body.task, body.copy_of)), 201


@blueprint.patch("/projects/<slug>")
@operation(
    "Change the name and the instruction of a project, archive it or restore it",
    gives("The project, as changed.", described.Project),
    body=ProjectChange,
    refusals=(409,),
)
def change_project(slug: str, body: ProjectChange) -> ResponseReturnValue:
    """Change a project; what is not sent stays."""
    session = db.session()
    project = projects.by_slug(session, slug)
    name = project.name if body.name is UNSET else body.name
    instruction = project.instruction if body.instruction is UNSET else body.instruction
    project = projects.change(session, user_id(), project.id, Text(name, instruction))
    if body.archived is not UNSET:
        project = projects.set_archived(session, user_id(), project.id, body.archived)
    return _json(project)


def _json(project: Project) -> dict[str, Any]:
    moments = {name: getattr(project, name) for name in ("created_at", "archived_at")}
    return {
        "id": project.id,
        "slug": project.slug,
        "name": project.name,
        "instruction": project.instruction,
        "task": project.task,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
