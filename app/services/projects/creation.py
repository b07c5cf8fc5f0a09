"""The creation of a project, with the version that it begins with."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import Project, Version, everything
from app.services.projects import projects
from app.services.projects.projects import Text
from app.services.versions import first_version, versions
from models.store.store import CheckpointStore


def create(session: Session, store: CheckpointStore, by: int, slug: str, text: Text, copy_of: int | None) -> Project:
    """Add a project whose first version is a copy of `copy_of`, or of the base for None.

    Raises Invalid, Conflict, and NotFound for a version that is not there. If its files cannot be stored, the project
    is there without a version, as its desk says.
    """
    if copy_of is not None:
        with everything(session):
            versions.usable(session, copy_of)
    project = projects.add(session, by, slug, text)
    first_version.publish_first(session, store, project.id, by, copy_of)
    return project


def origins(session: Session) -> list[tuple[Project, Version]]:
    """Return the versions of all projects that a new one can begin with, the newest of each project first."""
    with everything(session):
        found = [one for one in versions.all_versions(session) if one.deleted_at is None]
        return [(project, one) for project in projects.every(session) for one in found if one.project_id == project.id]
