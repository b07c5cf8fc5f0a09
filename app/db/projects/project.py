"""The table of projects: each has a task, people, prompts, versions and clicks of its own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now

FIRST = 1
"""The project that a studio begins with, and that is meant where none is named."""
LONGEST_INSTRUCTION = 300
REWRITING, ANSWERING = "rewriting", "answering"
"""The tasks: a T5 rewrites texts, or a chat model answers."""


class Project(Base):
    """One task of the studio. `slug` names it in addresses; `archived_at` hides it from the desk.

    `instruction` is a sentence that the desk shows above the cards; it may be empty. `task` is REWRITING or ANSWERING,
    and never changes.
    """

    __tablename__ = "projects"

    id: Mapped[PrimaryKey]
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    instruction: Mapped[str] = mapped_column(String(LONGEST_INSTRUCTION), default="", server_default=text("''"))
    task: Mapped[str] = mapped_column(String(16), default=REWRITING, server_default=text("'rewriting'"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]
