"""The table of live comparisons: two versions that write cards of the same screens until the clicks decide."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned


class ComparisonState(StrEnum):
    """States of a comparison: under way, decided by the clicks, or ended by something else."""

    RUNNING = "running"
    DECIDED = "decided"
    ENDED = "ended"


class ComparisonOutcome(StrEnum):
    """Tells what the clicks showed: the new version is preferred, the old one is, or no difference within the bound."""

    NEW = "new"
    OLD = "old"
    NONE = "none"


class LiveComparison(Owned, Base):
    """A comparison of the version that served before, the old one, with one that was published then, the new one.

    The thresholds are natural logarithms of the evidence that decides, and `most_clicks` the clicks after which it ends
    without: as they were when it began. `serving_number` is the version of the two that serves meanwhile. What the
    clicks say is read from the judgments; `clicks` keeps how many counted when it ended.
    """

    __tablename__ = "live_comparisons"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'decided', 'ended')", name="state"),
        CheckConstraint("(state = 'decided') = (outcome IS NOT NULL)", name="outcome"),
        CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended_at"),
        Index(
            "uq__live_comparisons__running",
            "project_id",
            "state",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: Mapped[PrimaryKey]
    old_number: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    new_number: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    serving_number: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    state: Mapped[str] = mapped_column(String(16), default=ComparisonState.RUNNING)
    outcome: Mapped[str | None] = mapped_column(String(16))
    # Why it ended, as one sentence; empty while it runs.
    reason: Mapped[str | None] = mapped_column(Text)
    threshold_new: Mapped[float]
    threshold_old: Mapped[float]
    most_clicks: Mapped[int]
    clicks: Mapped[int | None]
    started_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]

    @property
    def other_number(self) -> int:
        """Return the version that takes part and does not serve."""
        return self.old_number if self.serving_number == self.new_number else self.new_number
