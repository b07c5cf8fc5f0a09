"""The table of preference pairs: the chosen and rejected texts that training reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, PrimaryKey

if TYPE_CHECKING:
    from app.db.desk.judgment import Judgment


class Preference(Base):
    """One preference pair of a judgment. The texts are copied, so a pair stays what the person saw."""

    __tablename__ = "preferences"

    id: Mapped[PrimaryKey]
    judgment_id: Mapped[int] = mapped_column(ForeignKey("judgments.id"), index=True)
    prompt: Mapped[str] = mapped_column(Text)
    chosen: Mapped[str] = mapped_column(Text)
    rejected: Mapped[str] = mapped_column(Text)
    weight: Mapped[float] = mapped_column(default=1.0)

    judgment: Mapped[Judgment] = relationship(back_populates="preferences")
