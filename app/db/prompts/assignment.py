"""The tables of assignments: who is to judge which prompts first, and until when."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned


class AssignmentEnd(StrEnum):
    """Tells how an assignment ended: all is done, an admin withdrew it, or its date is over."""

    DONE = "done"
    WITHDRAWN = "withdrawn"
    OVER = "over"


class Assignment(Owned, Base):
    """Prompts for one person or for one group.

    `due` is a day of UTC, and with `returns` the prompts are everybody's again after it. Who may take them and which
    prompts they are is told by rows of their own, which go when it ends; the numbers of prompts stay.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name="assignee"),
        CheckConstraint("ending IN ('done', 'withdrawn', 'over')", name="ending"),
        CheckConstraint("NOT returns OR due IS NOT NULL", name="returns"),
    )

    id: Mapped[PrimaryKey]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("people_groups.id"))
    due: Mapped[date | None]
    returns: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(String(500), default="")
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    ending: Mapped[str | None] = mapped_column(String(16))
    ended_at: Mapped[datetime | None]
    # Empty if it ended by itself.
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    # How many prompts it had at its end, and how many of them were done.
    prompts: Mapped[int | None]
    done: Mapped[int | None]


class Assignee(Base):
    """One of the people of an assignment that has not ended: the person, or each member of the group."""

    __tablename__ = "assignees"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)


class AssignedPrompt(Base):
    """A prompt of an assignment that has not ended; they are served in the order of their ids.

    The row goes with the prompt, also where the release before deletes that.
    """

    __tablename__ = "assigned_prompts"
    __table_args__ = (Index("ix__assigned_prompts__assignment_id", "assignment_id", "id"),)

    id: Mapped[PrimaryKey]
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"), unique=True)
