"""The table of the pools of samples that screens were chosen from, kept until they are judged."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class DrawnPool(Base):
    """Samples (models/serving/pool.py) for choosing a screen's cards again; deleted when the screen has been judged."""

    __tablename__ = "drawn_pools"

    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"), primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)
