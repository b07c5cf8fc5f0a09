"""The table of second factors: the shared secrets of people's authenticator apps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, now


class SecondFactor(Base):
    """The secret that a person's app shares with the studio, encrypted; it counts once `enabled_at` is set.

    `last_step` is the time step of the latest code that was accepted: no code of that step or an earlier one is good.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    sealed_secret: Mapped[str] = mapped_column(String(255))
    last_step: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    enabled_at: Mapped[datetime | None]
