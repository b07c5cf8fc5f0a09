"""The table of metrics that runs record while they train, read by the live charts."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey


class RunMetric(Base):
    """One value of one named metric at one optimizer step of a run; the id orders them for resuming a stream.

    A second attempt deletes the values of the first; without AUTOINCREMENT SQLite would reuse their ids, and a client
    that asks for rows after an id would miss the new ones.
    """

    __tablename__ = "run_metrics"
    __table_args__ = (Index("ix__run_metrics__run_id__id", "run_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[PrimaryKey]
    run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id"))
    step: Mapped[int]
    name: Mapped[str] = mapped_column(String(64))
    value: Mapped[float]
