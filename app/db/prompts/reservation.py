"""Places of prompts that are kept for the people who have them on their desks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class Reservation(Base):
    """One of the places of a prompt, kept for a person until a time, from before its screen is drawn.

    It is renewed as long as the person works, so that a page that was closed frees the place.
    """

    __tablename__ = "reservations"

    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    until: Mapped[datetime]
