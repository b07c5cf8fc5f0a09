"""The table of candidates: rewrites on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, PrimaryKey

if TYPE_CHECKING:
    from app.db.desk.generation import Generation


class Candidate(Base):
    """A rewrite, its place on the screen (0 is the first), its log-probability in nats and the version that wrote it.

    The version belongs to the candidate, not to the screen: two versions can be compared blind on one screen. The
    log-probability, at temperature 1, is that of the version that served. It is that of the sampling: in the manner in
    which the text was written, with the probability of forbidden words, and of tokens outside the shortlist, shared
    among the others. Texts joined from pieces and the cards of mixed screens are scored exactly.
    """

    __tablename__ = "candidates"
    __table_args__ = (UniqueConstraint("generation_id", "position"),)

    id: Mapped[PrimaryKey]
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    log_probability: Mapped[float]
    # Empty if no version wrote it: on attention checks and imported screens.
    version_number: Mapped[int | None] = mapped_column(ForeignKey("versions.number"), index=True)

    # The features that a reward head reads (models/reward/features.py); empty if no version here wrote it.
    features: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    # The probability, when the screen was chosen, that this card would be on it.
    probability: Mapped[float | None]

    # On an attention check: if this was the right answer when the screen was shown. Empty on any other screen.
    right: Mapped[bool | None]

    generation: Mapped[Generation] = relationship(back_populates="candidates")
