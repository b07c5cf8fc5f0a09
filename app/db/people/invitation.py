"""The table of invitations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.people.user import Role


class Invitation(Base):
    """A link, good for one account until it expires or is withdrawn. Only a hash of its secret is stored."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("role IN ('annotator', 'admin')", name="role"),)

    id: Mapped[PrimaryKey]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16), default=Role.ANNOTATOR)
    label: Mapped[str] = mapped_column(String(100), default="")
    # The one-time key of the form that made it (app/routes/people/form_key.py).
    form_key: Mapped[str | None] = mapped_column(String(32), unique=True)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    used_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    # The role in each project, by the project's id as text; None leads to the first project alone.
    projects: Mapped[dict[str, Any] | None]
