"""Store what the clicks say: linear reward heads, each fitted to the judgments that stood."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now


class RewardHead(Base):
    """A reward head (models/reward/head.py) while a version served; the latest of a version is the one that chooses.

    A `carried` one came with the version, which learned from the same judgments; the others followed click by click.
    It was fitted to `judgments` of the standing judgments up to `last_judgment_id`, when `undone` of all judgments had
    been taken back: as long as both are as they were there is nothing to learn, unless some judgments were `waiting` to
    be measured. `weights` are its weights in single precision, kept for ever; `data` is the whole head, which only the
    latest of a version keeps, and a carried one.
    """

    __tablename__ = "reward_heads"
    __table_args__ = (Index("ix__reward_heads__version", "version_number", "id"),)

    id: Mapped[PrimaryKey]
    version_number: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    # Of models/reward/features.py: what was fitted to others is not read.
    features_version: Mapped[int]
    judgments: Mapped[int]
    last_judgment_id: Mapped[int]
    undone: Mapped[int]
    waiting: Mapped[int] = mapped_column(default=0)
    carried: Mapped[bool] = mapped_column(default=False)
    weights: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
