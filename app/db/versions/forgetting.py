"""The table of forgettings: versions made again without what they learned from somebody or something."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now
from app.db.projects.owned import Owned


class ForgettingKind(StrEnum):
    """Kinds of what is forgotten: a person, a prompt, an import, or all judgments that were deleted."""

    PERSON = "person"
    PROMPT = "prompt"
    IMPORT = "import"
    DELETED = "deleted"


class Forgetting(Owned, Base):
    """One forgetting: what is left out, and the version that is made again without it.

    The runs that do it name it (`training_runs.forgetting_id`). It holds numbers alone, no names and no texts.
    """

    __tablename__ = "forgettings"
    __table_args__ = (
        CheckConstraint("kind IN ('person', 'prompt', 'import', 'deleted')", name="kind"),
        CheckConstraint("(kind = 'deleted') = (number IS NULL)", name="number"),
    )

    id: Mapped[PrimaryKey]
    kind: Mapped[str] = mapped_column(String(16))
    # Not a foreign key: the row that it names may be deleted later.
    number: Mapped[int | None]
    target: Mapped[int] = mapped_column(ForeignKey("versions.number"))
    # Whether the last version that is made serves if it passes its check.
    serve: Mapped[bool]
    # The versions that had learned from it when it was asked for.
    learned: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
