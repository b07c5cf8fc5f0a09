"""The table of judgments: what one person said of one screen."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    cast,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned

if TYPE_CHECKING:
    from app.db.desk.generation import Generation
    from app.db.desk.preference import Preference


LONGEST_ANNOTATOR = 200


def new_key() -> str:
    """Return a client_key for a judgment that was sent without one."""
    return str(uuid4())


class Verdict(StrEnum):
    """Kinds of judgment.

    One is best, a better one was written, the prompt is fine as it is, some or all are equal, none is good, or no
    opinion.
    """

    CHOSEN = "chosen"
    EDITED = "edited"
    FINE = "fine"
    TIE = "tie"
    NONE = "none"
    SKIPPED = "skipped"


OFF_THE_CARDS = (Verdict.EDITED, Verdict.FINE)
"""The verdicts whose best text is none of the candidates: it was written, or is the prompt itself."""


class Judgment(Owned, Base):
    """One person's verdict on one screen. Undoing marks it and frees the screen for another.

    A decision is the verdict of a reviewer, on a copy of a screen that others judged. While it stands, it counts
    instead of theirs, which name it.

    A row is deleted only with all that a person wrote, or with its prompt. Without AUTOINCREMENT SQLite would give its
    id to another judgment, of which a run would then say that it had learned from it.
    """

    __tablename__ = "judgments"
    __table_args__ = (
        CheckConstraint("verdict IN ('chosen', 'edited', 'fine', 'tie', 'none', 'skipped')", name="verdict"),
        CheckConstraint("(verdict = 'edited') = (edited_text IS NOT NULL)", name="edited_text"),
        CheckConstraint("verdict <> 'chosen' OR candidate_id IS NOT NULL", name="candidate"),
        CheckConstraint("tied IS NULL OR verdict = 'tie'", name="tied"),
        CheckConstraint("ranking IS NULL OR verdict = 'chosen'", name="ranking"),
        # At most one standing judgment per person and screen: this makes a double submit harmless.
        Index(
            "uq__judgments__standing",
            "generation_id",
            "user_id",
            unique=True,
            sqlite_where=text("undone_at IS NULL"),
            postgresql_where=text("undone_at IS NULL"),
        ),
        # All columns that a person's figures are computed from, so that they are read from the index alone.
        Index("ix__judgments__pace", "user_id", "created_at", "undone_at", "seconds", "imported"),
        # Undone judgments are few and are counted separately.
        Index(
            "ix__judgments__undone",
            "undone_at",
            sqlite_where=text("undone_at IS NOT NULL"),
            postgresql_where=text("undone_at IS NOT NULL"),
        ),
        Index(
            "ix__judgments__import_id",
            "import_id",
            sqlite_where=text("import_id IS NOT NULL"),
            postgresql_where=text("import_id IS NOT NULL"),
        ),
        # People whom imported files name are looked up by name, and listed.
        Index(
            "ix__judgments__annotator",
            "annotator",
            sqlite_where=text("annotator IS NOT NULL"),
            postgresql_where=text("annotator IS NOT NULL"),
        ),
        # Decided judgments are few and are counted separately.
        Index(
            "ix__judgments__decided_by",
            "decided_by",
            sqlite_where=text("decided_by IS NOT NULL"),
            postgresql_where=text("decided_by IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[PrimaryKey]
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    verdict: Mapped[str] = mapped_column(String(16))
    candidate_id: Mapped[int | None] = mapped_column(ForeignKey("candidates.id"))
    # The candidates that are equally good, at least two of them; empty in a tie of all.
    tied: Mapped[list[Any] | None]
    # All candidates of a screen of three or more, the chosen one first; empty where only one was chosen.
    ranking: Mapped[list[Any] | None]
    edited_text: Mapped[str | None] = mapped_column(Text)
    # Why it was skipped, flagged or decided so, in the person's own words.
    reason: Mapped[str | None] = mapped_column(Text)
    # An admin should look at this screen.
    flagged: Mapped[bool] = mapped_column(default=False)
    # What was said of single candidates beside the verdict, in the order shown: objects of `candidate_id` with a
    # `rating` from 1 to 5, `tags`, or both.
    remarks: Mapped[list[Any] | None]
    # What colleagues should know of it.
    comment: Mapped[str | None] = mapped_column(Text)
    # Chosen by the browser, so that a judgment that is sent twice is stored once, even if it was undone since. In files
    # it is the judgment's identity and stays the same in every studio.
    client_key: Mapped[str] = mapped_column(String(36), unique=True, default=new_key)
    # Who judged, as the file says that it was imported from; empty if it was the user, and if the file does not say.
    annotator: Mapped[str | None] = mapped_column(String(LONGEST_ANNOTATOR))
    seconds: Mapped[float | None]
    # Taken over from a file: it is the importing person's, but they did not look at a screen for it.
    imported: Mapped[bool] = mapped_column(default=False)
    # The features of the edited text that a reward head reads.
    edited_features: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    # The import that brought it; empty if it was made at the desk.
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    # Said by a reviewer of what others disagreed on.
    decision: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The decision that counts instead of it; kept right by app/services/review/counting.py.
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("judgments.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]

    generation: Mapped[Generation] = relationship()
    preferences: Mapped[list[Preference]] = relationship(order_by="Preference.id", back_populates="judgment")

    def place_of(self, candidate_id: int) -> int | None:
        """Return the place of a candidate in the ranking, counted from 1; None if the candidates were not ranked."""
        ranking = self.ranking or []
        return ranking.index(candidate_id) + 1 if candidate_id in ranking else None

    def remark_on(self, candidate_id: int) -> dict[str, Any]:
        """Return the `rating` and the `tags` of a candidate: None and none if it has no such remark."""
        said: dict[str, Any] = next((one for one in self.remarks or () if one["candidate_id"] == candidate_id), {})
        return {"rating": said.get("rating"), "tags": said.get("tags", [])}


COUNTS: tuple[ColumnElement[bool], ...] = (Judgment.undone_at.is_(None), Judgment.decided_by.is_(None))
"""The conditions of judgments that something is learned from: they stand, and no decision counts instead of them."""
JUDGE = func.coalesce("imported:" + Judgment.annotator, cast(Judgment.user_id, String))
"""Who judged, as a text that is distinct for each: a name in an imported file, or else the id of a user."""
