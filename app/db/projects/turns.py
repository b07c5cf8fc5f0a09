"""All projects, for what concerns the whole studio, and what one is called in messages and logs, and its task."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.db.projects.owned import project_of
from app.db.projects.project import FIRST, Project


def project_ids(session: Session, *, in_use: bool = False) -> Sequence[int]:
    """Return the ids of all projects, or of those in use, which are not archived; the first one's first."""
    wanted = (Project.archived_at.is_(None),) if in_use else ()
    return session.scalars(select(Project.id).where(*wanted).order_by(Project.id)).all()


def slug_of(connection: Connection, project: int | None) -> str | None:
    """Return what a project is called in messages and logs; None for the first and for all, which need no name."""
    named = select(Project.slug).where(Project.id == project)
    return connection.scalar(named) if project not in (FIRST, None) else None


def task_of(session: Session) -> str:
    """Return the task of the project that a session is of."""
    return session.scalars(select(Project.task).where(Project.id == project_of(session))).one()
