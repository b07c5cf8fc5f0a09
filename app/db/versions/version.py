"""The table of versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, now
from app.db.projects.owned import Owned


class Version(Owned, Base):
    """A published, immutable version: its location in the checkpoint store, its origin and its metrics."""

    __tablename__ = "versions"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    parent_number: Mapped[int | None] = mapped_column(ForeignKey("versions.number"))
    # Not a foreign key: runs refer to versions, and a cycle of foreign keys has no order of creation.
    run_id: Mapped[int | None] = mapped_column(unique=True)
    method: Mapped[str] = mapped_column(String(32))
    location: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    # Set when its files were deleted from the store; the row stays, because candidates and runs refer to it.
    deleted_at: Mapped[datetime | None]
