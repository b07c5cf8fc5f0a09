"""The table of prompts: typed by an annotator, imported, or waiting in the queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned


class Prompt(Owned, Base):
    """One distinct text. `queued` ones are served to annotators, the highest priority and then the oldest first.

    An id is never used again after a deletion: the audit log names prompts by their ids.
    """

    __tablename__ = "prompts"
    __table_args__ = (
        Index("ix__prompts__queue", "queued", "project_id", "priority", "id"),
        # Attention checks are few among many prompts, and one is looked up every few screens.
        Index(
            "ix__prompts__gold",
            "id",
            sqlite_where=sql("gold_answer IS NOT NULL"),
            postgresql_where=sql("gold_answer IS NOT NULL"),
        ),
        Index(
            "ix__prompts__import_id",
            "import_id",
            sqlite_where=sql("import_id IS NOT NULL"),
            postgresql_where=sql("import_id IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[PrimaryKey]
    text: Mapped[str] = mapped_column(Text)
    # In a chat: the messages before the text, each with `role` (user, then assistant, in turns) and `content`.
    turns: Mapped[list[Any] | None]
    # Of the text, its turns and, in other projects than the first, of the project.
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    source: Mapped[str] = mapped_column(String(200))
    queued: Mapped[bool] = mapped_column(default=False)
    # When it left the queue because enough people had judged it; it comes back if one of them takes that back.
    retired_at: Mapped[datetime | None]
    priority: Mapped[int] = mapped_column(default=0)
    # How many people are to judge it; empty means the studio's setting.
    overlap: Mapped[int | None]
    # An attention check: the right text and, if given, wrong ones. Nothing is sampled for it.
    gold_answer: Mapped[str | None] = mapped_column(Text)
    gold_wrong: Mapped[list[Any] | None]
    # What else its file said of it, by column: language, id, and whatever people keep. SQLAlchemy keeps `metadata` for
    # the tables themselves.
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    # The import that put it into the queue last.
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
