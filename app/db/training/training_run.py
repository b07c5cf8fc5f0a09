"""The table of training runs."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned


class RunStatus(StrEnum):
    """The status of a run. Queued and running ones are active; the other three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE_STATUSES = (RunStatus.QUEUED, RunStatus.RUNNING)


def new_run_key() -> str:
    """Return a key that no other run has, in whatever database."""
    return secrets.token_hex(16)


class TrainingRun(Owned, Base):
    """A training run. This row is authoritative; the queue holds only its id and may be lost at any moment."""

    __tablename__ = "training_runs"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
        CheckConstraint("(wish IS NOT NULL) = (status IN ('queued', 'running'))", name="wish"),
    )

    id: Mapped[PrimaryKey]
    # By this its files are known: a database that was brought back or begun anew gives the same ids out again.
    key: Mapped[str] = mapped_column(String(32), default=new_run_key)
    method: Mapped[str] = mapped_column(String(32))
    config: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16), default=RunStatus.QUEUED)
    # The selection of judgments that it learns from: people, days, sources, agreement; empty means all.
    selection: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # A hash of the request while the run is active, empty afterwards. It is unique, so that an equal request adds no
    # second run; different requests wait for each other.
    wish: Mapped[str | None] = mapped_column(String(64), unique=True)
    stage: Mapped[str] = mapped_column(String(64), default="queued")
    # The stages of the present attempt as [name, ISO 8601 moment], and the steps of its checkpoints. Runs of older
    # releases have none.
    stage_starts: Mapped[list[Any] | None]
    checkpoints: Mapped[list[Any] | None]
    step: Mapped[int] = mapped_column(default=0)
    total_steps: Mapped[int] = mapped_column(default=0)
    pairs: Mapped[int] = mapped_column(default=0)
    # Runs train on the judgments up to this one; later ones are "new since the last run".
    last_judgment_id: Mapped[int] = mapped_column(default=0)
    # The ids of the judgments that it learns from (app/services/versions/learned.py); empty until it begins.
    judgments: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    data_hash: Mapped[str | None] = mapped_column(String(64))
    job_id: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    # How often in a row its worker died without the training getting further, and the step that it had reached by then.
    deaths: Mapped[int] = mapped_column(default=0)
    furthest: Mapped[int] = mapped_column(default=0)
    # Empty if initial training starts from a model that is no version of this studio.
    parent_version: Mapped[int | None] = mapped_column(ForeignKey("versions.number"))
    # Not a foreign key: versions refer to runs, and a cycle of foreign keys has no order of creation.
    produced_version: Mapped[int | None]
    # The number under which its version is to be published, written before it is: each attempt tries that one first.
    intended_version: Mapped[int | None]
    # The forgetting that it is part of, and the version that it makes again without what is forgotten.
    forgetting_id: Mapped[int | None] = mapped_column(ForeignKey("forgettings.id"), index=True)
    rebuilds: Mapped[int | None]
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    # Why it began by itself, as a sentence; empty if a person asked for it.
    occasion: Mapped[str | None] = mapped_column(Text)
    # What was forecast when it was requested (models/forecast.py); empty if there were too few clicks.
    forecast: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    log: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]

    @property
    def active(self) -> bool:
        """Return whether the run has not ended yet."""
        return self.status in ACTIVE_STATUSES
