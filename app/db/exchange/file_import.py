"""The table of imports: files that were stored, by whom, and what became of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned


class FileImport(Owned, Base):
    """One file that was imported, also if it broke off: the counts are those of the rows that were stored.

    `source` is where its prompts are said to come from. Undoing marks it; the row is never deleted.
    """

    __tablename__ = "imports"

    id: Mapped[PrimaryKey]
    # Empty if it was done at the machine, with `flask import-prompts`.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    file_name: Mapped[str] = mapped_column(String(300))
    source: Mapped[str] = mapped_column(String(200))
    added: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    judgments: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
