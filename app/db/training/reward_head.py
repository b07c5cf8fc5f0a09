"""The table of reward heads, each fitted to the judgments that stood at that time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned


class RewardHead(Owned, Base):
    """A reward head (models/reward/head.py) for a version; the latest one of a version chooses what is shown.

    A `carried` head came with the version, which learned from the same judgments; the others were fitted after each
    click. It was fitted to `judgments` of the standing judgments up to `last_judgment_id`, when `undone` of all
    judgments had been undone and `deleted` had been deleted: while all three are unchanged there is nothing to learn,
    unless some judgments were still `waiting` for their features, or others count now or otherwise than was `weighed`.
    `weights` are its weights in single precision, kept for ever; `data` is the whole head, which only the latest of a
    version and a carried one keep.
    """

    __tablename__ = "reward_heads"
    __table_args__ = (Index("ix__reward_heads__version", "version_number", "id"),)

    id: Mapped[PrimaryKey]
    version_number: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    # VERSION of models/reward/features.py: heads fitted to other features are not read.
    features_version: Mapped[int]
    judgments: Mapped[int]
    last_judgment_id: Mapped[int]
    undone: Mapped[int]
    deleted: Mapped[int] = mapped_column(default=0)
    waiting: Mapped[int] = mapped_column(default=0)
    # A digest of the judgments and what each weighed (app/services/training/reward/judgment_weights.py).
    weighed: Mapped[str] = mapped_column(String(16), default="")
    carried: Mapped[bool] = mapped_column(default=False)
    weights: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
