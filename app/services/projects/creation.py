"""The creation of a project, with the version that it begins with."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import Project, Version, everything
from app.services.projects import projects
from app.services.projects.projects import Text
from app.services.versions import first_version, versions
from models.store.store import CheckpointStore


def create(
    session: Session, store: CheckpointStore, by: int, slug: str, text: Text, copy_of: int | None
) -> tuple[Project, int]:
    """Add a project whose first version is a copy of `copy_of`, or of the base for None; returns it with that version.

    The web processes are to be told afterwards that an alias has moved. Raises Invalid, Conflict, NotFound for a
    version that is not there, and StoreError if its files cannot be stored; then there is no project either.
    """
    project = projects.add(session, by, slug, text)
    try:
        number = first_version.publish_first(session, store, project.id, by, copy_of)
    except Exception:
        session.rollback()
        projects.discard(session, by, project.id)
        raise
    return project, number


def origins(session: Session) -> list[tuple[Project, Version]]:
    """Return the versions of all projects that a new one can begin with, the newest of each project first."""
    with everything(session):
        found = [one for one in versions.all_versions(session) if one.deleted_at is None]
        return [(project, one) for project in projects.every(session) for one in found if one.project_id == project.id]
