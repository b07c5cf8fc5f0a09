"""The table of who may do what in which project."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, String, and_, exists, or_
from sqlalchemy.orm import Mapped, aliased, mapped_column

from app.db.base import Base, now
from app.db.people.user import Role, User
from app.db.projects.project import FIRST


class ProjectRole(StrEnum):
    """Roles in a project: annotators judge, reviewers also decide where they disagree, admins do all of the project.

    `NONE` keeps somebody out of the first project, whose annotators need no row.
    """

    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"
    ADMIN = "admin"
    NONE = "none"


class ProjectMember(Base):
    """A person's role in a project.

    Without a row a person is an annotator of the first project, as the release before knows no rows, and nothing in the
    others. Admins of the studio are admins of every project, whatever their rows say.
    """

    __tablename__ = "project_members"
    __table_args__ = (CheckConstraint("role IN ('annotator', 'reviewer', 'admin', 'none')", name="role"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)


def is_member(project_id: int) -> ColumnElement[bool]:
    """Tell whether a User is in a project, admins of the studio included."""
    member = aliased(ProjectMember)  # the statement may join the table itself
    row = and_(member.user_id == User.id, member.project_id == project_id)
    there = exists().where(row, member.role != ProjectRole.NONE)
    without = (~exists().where(row),) if project_id == FIRST else ()
    return or_(User.role == Role.ADMIN, there, *without)
