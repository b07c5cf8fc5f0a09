"""The table of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now


class AuditEvent(Base):
    """One entry of the audit log: who did what to what, and when; `user_id` is empty if Mellow acted by itself.

    The entries are a chain: `hash` is over the entry and `previous`, the hash of the entry before it. Of each detail it
    holds the salted digest in `seals`, so that a detail can be erased later (app/services/system/audit_chain.py).
    """

    __tablename__ = "audit_events"

    id: Mapped[PrimaryKey]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    seals: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
