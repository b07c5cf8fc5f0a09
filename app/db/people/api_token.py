"""The table of API tokens, with which programs act for a person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PrimaryKey, now


class Scope(StrEnum):
    """Purposes of tokens: what annotators do; reading; whatever the token's owner may do."""

    ANNOTATE = "annotate"
    READ = "read"
    ADMIN = "admin"


class ApiToken(Base):
    """A token of one person, good for some scopes until it expires or is revoked. Only its SHA-256 is stored."""

    __tablename__ = "api_tokens"

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    # The one-time key of the form that made it (app/routes/people/form_key.py).
    form_key: Mapped[str | None] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    # Without one, it has no end.
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
