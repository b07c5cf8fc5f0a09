"""The audit log: who did what to what, and when."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.db import AuditEvent


def record(session: Session, user_id: int | None, action: str, subject: str, **details: Any) -> None:
    """Add one entry to the running transaction, so that it is stored exactly if the action is."""
    session.add(AuditEvent(user_id=user_id, action=action, subject=subject, details=details))


def erase(session: Session, meant: ColumnElement[bool], *names: str) -> None:
    """Remove details with these names from the entries that are meant, in the running transaction; the rest stays."""
    for event in session.scalars(select(AuditEvent).where(meant)):
        event.details = {name: value for name, value in event.details.items() if name not in names}
