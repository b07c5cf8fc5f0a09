"""The table of the studio's settings: guidelines, overlap, and others that hold for everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, now


class StudioSetting(Base):
    """One setting by its name; `value` is an object with the one key `value`. Settings without a row have defaults."""

    __tablename__ = "studio_settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[dict[str, Any]]
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime] = mapped_column(default=now)
