"""The table of projects: each has a task, people, prompts, versions and clicks of its own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now

FIRST = 1
"""The project that a studio begins with, and that is meant where none is named."""


class Project(Base):
    """One task of the studio. `slug` names it in addresses and never changes; `archived_at` hides it from the desk."""

    __tablename__ = "projects"

    id: Mapped[PrimaryKey]
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]
