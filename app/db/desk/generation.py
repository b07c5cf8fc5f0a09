"""The table of screens: a prompt, how its candidates were sampled, and who sees them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned

if TYPE_CHECKING:
    from app.db.desk.candidate import Candidate
    from app.db.prompts.prompt import Prompt


class Generation(Owned, Base):
    """The candidates shown together for one prompt to one person, with all that is needed to sample them again.

    An id is never used again after a deletion, so that a judgment that arrives late meets no other screen.
    """

    __tablename__ = "generations"
    __table_args__ = (
        # Few screens belong to a comparison, and these are read after every click.
        Index(
            "ix__generations__comparison_id",
            "comparison_id",
            sqlite_where=text("comparison_id IS NOT NULL"),
            postgresql_where=text("comparison_id IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[PrimaryKey]
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    sampling: Mapped[dict[str, Any]]
    seed: Mapped[int] = mapped_column(BigInteger)
    milliseconds: Mapped[float]
    # An attention check: its judgment measures the person and yields no preference rows.
    gold: Mapped[bool] = mapped_column(default=False)
    # The reward head that chose the cards; empty if none did.
    head_id: Mapped[int | None] = mapped_column(ForeignKey("reward_heads.id"))
    # The screen that replaced it, chosen by a newer head before anybody judged it.
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("generations.id"))
    # The live comparison that it was drawn for: its cards are of two versions. Empty on every other screen.
    comparison_id: Mapped[int | None] = mapped_column(ForeignKey("live_comparisons.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)

    prompt: Mapped[Prompt] = relationship()
    candidates: Mapped[list[Candidate]] = relationship(order_by="Candidate.position", back_populates="generation")
