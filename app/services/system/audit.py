"""The audit log: who did what to what, and when.

Each entry has the hash of the one before it. So that no two transactions follow the same entry, entries are written at
the very end of their transaction, when it holds all other locks it needs, and one transaction at a time.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, event, select
from sqlalchemy.orm import Session, SessionTransaction

from app.db import FIRST, AuditEvent, Turn, now, one_at_a_time, project_of, slug_of
from app.services.system import audit_chain
from app.services.system.audit_copies import row_of

_WAITING = "audit_entries"


@dataclass(frozen=True)
class _Waiting:
    """The entries that a transaction writes when it is committed."""

    transaction: SessionTransaction
    entries: list[AuditEvent] = field(default_factory=list)


def record(session: Session, user_id: int | None, action: str, subject: str, **details: Any) -> None:
    """Add one entry to the running transaction, so that it is stored exactly if the action is.

    `subject` names things by their number or kind, never a person by name: only details can be erased. What is done in
    another project than the first names that, too.
    """
    project = project_of(session)
    if project not in (FIRST, None) and (slug := slug_of(session.connection(), project)) is not None:
        details["project"] = slug
    add(session, AuditEvent(user_id=user_id, action=action, subject=subject, details=details, created_at=now()))


def add(session: Session, entry: AuditEvent) -> None:
    """Add an entry to the running transaction; its commit gives it a number and chains it to the one before."""
    transaction = session.get_transaction() or session.begin()
    waiting = session.info.get(_WAITING)
    if waiting is None or waiting.transaction is not transaction:
        waiting = session.info[_WAITING] = _Waiting(transaction)
    waiting.entries.append(entry)


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    waiting: _Waiting | None = session.info.pop(_WAITING, None)
    if waiting is None or waiting.transaction is not session.get_transaction():
        return
    session.flush()
    one_at_a_time(session, Turn.AUDIT_LOG)
    last = session.execute(select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)).first()
    before, previous = last or (0, audit_chain.FIRST_PREVIOUS)
    for number, entry in enumerate(waiting.entries, before + 1):
        entry.id, entry.previous = number, previous
        entry.details = json.loads(json.dumps(entry.details))  # as it will be read
        entry.seals = audit_chain.sealed(entry.details)
        entry.hash = previous = audit_chain.hash_of(row_of(entry))
    session.add_all(waiting.entries)


def erase(session: Session, which: ColumnElement[bool], names: Collection[str]) -> int:
    """Erase details by their name from the entries that match, within the running transaction; return how many.

    The chain still holds: of what was erased its digest stays, and the salt with which it could be guessed goes, too.
    """
    erased = 0
    for entry in session.scalars(select(AuditEvent).where(which)):
        gone = entry.details.keys() & set(names)
        if not gone:
            continue
        entry.details = {name: value for name, value in entry.details.items() if name not in gone}
        entry.seals = {name: ("" if name in gone else salt, digest) for name, (salt, digest) in entry.seals.items()}
        erased += len(gone)
    return erased
