"""The table of guesses at passwords and codes that are counted while the queue is away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class GuessCount(Base):
    """One count until a moment: places that are taken, guesses that were refused; `key` is a hash and names nobody."""

    __tablename__ = "guess_counts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    taken: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    until: Mapped[datetime] = mapped_column(index=True)
