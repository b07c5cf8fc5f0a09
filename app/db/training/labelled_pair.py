"""The table of the pairs that a reward head labelled for a run, without which the run could not be repeated."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey


class LabelledPair(Base):
    """One pair of rewrites of a text that nobody clicked, in the order of its run.

    It goes with the prompt whose text it is; a text that comes with Mellow has no prompt.
    """

    __tablename__ = "labelled_pairs"

    id: Mapped[PrimaryKey]
    run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id"), index=True)
    prompt_id: Mapped[int | None] = mapped_column(ForeignKey("prompts.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    chosen: Mapped[str] = mapped_column(Text)
    rejected: Mapped[str] = mapped_column(Text)
