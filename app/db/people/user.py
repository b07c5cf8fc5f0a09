"""The table of people who may sign in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now


class Role(StrEnum):
    """Roles of people: annotators judge; admins also train, publish and manage people."""

    ANNOTATOR = "annotator"
    ADMIN = "admin"


class User(Base):
    """A person. The password is stored only as a hash, which is empty if there is none.

    The row of a deleted account stays, because the audit log and others refer to it, and holds a pseudonym.
    """

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('annotator', 'admin')", name="role"),)

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100), default="")
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16), default=Role.ANNOTATOR)
    active: Mapped[bool] = mapped_column(default=True)
    # Somebody else typed the password: its owner chooses another one before anything else is possible.
    must_change_password: Mapped[bool] = mapped_column(default=False)
    # The person's settings of the desk (app/services/desk/settings.py).
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    last_seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    # When all that says who this was went (app/services/people/deletion.py).
    deleted_at: Mapped[datetime | None]

    @property
    def is_admin(self) -> bool:
        """Return whether this person is an admin."""
        return self.role == Role.ADMIN

    @property
    def has_password(self) -> bool:
        """Return whether this person can sign in with a password."""
        return self.password_hash != ""
