"""The table of messages to webhooks: written in the transaction of the action that they report, sent afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now


class WebhookDelivery(Base):
    """One message to one webhook: its content, the number of attempts, and the last response."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name="status"),
        Index("ix__webhook_deliveries__due", "status", "next_attempt_at"),
    )

    id: Mapped[PrimaryKey]
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"), index=True)
    # The `webhook-id` header: the same at every attempt, so that the receiver recognises a repetition.
    message_id: Mapped[str] = mapped_column(String(64), unique=True)
    event: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    # When it is due; a sender moves it into the future while it tries, so that no other one does.
    next_attempt_at: Mapped[datetime] = mapped_column(default=now)
    response_status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    delivered_at: Mapped[datetime | None]
