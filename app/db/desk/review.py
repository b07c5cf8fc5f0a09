"""The table of reviews: screens for a reviewer to decide, of which people said different things, or flagged."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey
from app.db.projects.owned import Owned


class ReviewState(StrEnum):
    """States of a review: to be decided, waiting for one more opinion, decided, or to be counted anew."""

    OPEN = "open"
    SENT_BACK = "sent_back"
    DECIDED = "decided"
    STALE = "stale"


class Review(Owned, Base):
    """Counts what people said of one prompt with one set of rewrites; by it the list is sorted and filtered.

    All of it but what a reviewer did is counted from the judgments (app/services/review/counting.py). An id is never
    used again after a deletion: the audit log names reviews by their ids.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'sent_back', 'decided', 'stale')", name="state"),
        UniqueConstraint("prompt_id", "texts_sha256"),
        # The order of a project's list, of everything and of one source.
        Index("ix__reviews__list", "state", "project_id", "disagreement", "id"),
        Index("ix__reviews__source", "source", "state", "project_id", "disagreement", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[PrimaryKey]
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"))
    # The hash of the rewrites, whatever order they were shown in.
    texts_sha256: Mapped[str] = mapped_column(String(64))
    # The screen that a reviewer sees; empty if it was deleted since.
    generation_id: Mapped[int | None] = mapped_column(ForeignKey("generations.id", ondelete="SET NULL"), index=True)
    source: Mapped[str] = mapped_column(String(200))
    people: Mapped[int]
    # The share of the pairs of people who said different things.
    disagreement: Mapped[float]
    flags: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    # The judgment that decides it.
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("judgments.id", ondelete="SET NULL"), index=True)
    # How many people must have judged the prompt before it is shown again, and its overlap before it was sent back.
    waits_for: Mapped[int | None]
    overlap_before: Mapped[int | None]
