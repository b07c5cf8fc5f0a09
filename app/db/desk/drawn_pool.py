"""The rewrites that a screen was chosen from, as long as it waits to be judged."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class DrawnPool(Base):
    """Options (models/serving/pool.py) for choosing a screen again; the row goes when the screen has been judged."""

    __tablename__ = "drawn_pools"

    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"), primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)
