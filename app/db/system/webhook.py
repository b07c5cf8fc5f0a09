"""The table of webhooks: addresses of other programs that are told of events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now


class Webhook(Base):
    """One address, the events that it subscribes to, and the secret that its messages are signed with."""

    __tablename__ = "webhooks"

    id: Mapped[PrimaryKey]
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    events: Mapped[list[Any]]
    active: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    # The address is not used any more; the row stays for its deliveries.
    removed_at: Mapped[datetime | None]
