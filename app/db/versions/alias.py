"""The table of aliases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db.base import Base, now
from app.db.projects.owned import Owned, project_of
from app.db.projects.project import FIRST

SERVING = "serving"


class Alias(Owned, Base):
    """A movable name for a version: `serving` names the live one. `moves` counts its moves.

    In other projects than the first the name is followed by the project's id.
    """

    __tablename__ = "aliases"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    version_number: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    moves: Mapped[int] = mapped_column(default=1)
    moved_at: Mapped[datetime] = mapped_column(default=now)


def serving_alias(session: Session) -> str:
    """Return the name of the alias of the live version of the session's project."""
    project = project_of(session)
    return SERVING if project == FIRST else f"{SERVING} {project}"
