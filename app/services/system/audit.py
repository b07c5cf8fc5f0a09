"""The audit log: who did what to what, and when."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.db import AuditEvent


def record(session: Session, user_id: int | None, action: str, subject: str, **details: Any) -> None:
    """Add one entry to the running transaction, so that it is stored exactly if the action is."""
    session.add(AuditEvent(user_id=user_id, action=action, subject=subject, details=details))
