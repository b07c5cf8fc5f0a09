"""Published checkpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, now


class Version(Base):
    """A published, immutable version: where it lies in the checkpoint store and what is known about it."""

    __tablename__ = "versions"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    parent_number: Mapped[int | None] = mapped_column(ForeignKey("versions.number"))
    # Not a foreign key: a run names its parent version, and two tables that name each other cannot both come first.
    run_id: Mapped[int | None] = mapped_column(unique=True)
    method: Mapped[str] = mapped_column(String(32))
    location: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    # Its files are gone from the store; the row stays, because candidates and runs name it.
    deleted_at: Mapped[datetime | None]
