"""The table of aliases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, now

SERVING = "serving"


class Alias(Base):
    """A movable name for a version; `serving` names the live version. `moves` counts its moves."""

    __tablename__ = "aliases"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    version_number: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    moves: Mapped[int] = mapped_column(default=1)
    moved_at: Mapped[datetime] = mapped_column(default=now)
