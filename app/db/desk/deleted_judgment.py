"""The table of deleted judgments: their ids, and nothing of what they said."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, now
from app.db.projects.owned import Owned


class DeletedJudgment(Owned, Base):
    """A judgment that was deleted, by which a version can say how many it was trained on are gone."""

    __tablename__ = "deleted_judgments"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    deleted_at: Mapped[datetime] = mapped_column(default=now)
