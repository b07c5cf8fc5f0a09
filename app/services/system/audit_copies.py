"""The audit log as rows, as JSON Lines to be kept elsewhere, and whether its chain holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import AuditEvent
from app.domain_errors import Invalid
from app.services.system.audit_chain import FIRST_PREVIOUS, Checked, Row, check
from app.words import gettext

NEWEST = 1_000
"""Number of the newest entries that the page checks."""

_AT_ONCE = 1_000
_LINES_AT_ONCE = 500
_NAMES = tuple(field.name for field in fields(Row))
_COLUMNS = tuple(getattr(AuditEvent, name) for name in _NAMES)


def row_of(entry: AuditEvent) -> Row:
    """Return an entry as it is chained."""
    return Row(*(getattr(entry, name) for name in _NAMES))


def rows(session: Session, after: int | None = None) -> Iterator[Row]:
    """Read the entries in their order, those with greater numbers than `after`; raises Invalid for unreadable ones."""
    while True:
        found = select(*_COLUMNS).order_by(AuditEvent.id).limit(_AT_ONCE)
        try:
            chunk = session.execute(found if after is None else found.where(AuditEvent.id > after)).all()
        except ValueError:
            raise Invalid(
                gettext("Entries after entry %(id)s were changed: they cannot be read any more.", id=after or 0)
            ) from None
        if not chunk:
            return
        yield from (Row(*values) for values in chunk)
        after = chunk[-1].id


def verify(session: Session, wanted: str | None = None) -> Checked:
    """Check the whole log, and look for the entry with the hash `wanted`."""
    return check(rows(session), wanted=wanted)


def verify_newest(session: Session) -> Checked:
    """Check the newest entries only, which takes some hundredths of a second."""
    before = session.scalar(select(AuditEvent.id).order_by(AuditEvent.id.desc()).offset(NEWEST).limit(1))
    return check(rows(session, before), start=FIRST_PREVIOUS if before is None else None)


def pieces(session: Session, after: int | None = None) -> Iterator[bytes]:
    """Return the entries as JSON Lines, those with greater numbers than `after`, some hundred lines at a time."""
    lines = map(_line, rows(session, after))
    while piece := b"".join(islice(lines, _LINES_AT_ONCE)):
        yield piece


def _line(row: Row) -> bytes:
    values = asdict(row) | {"created_at": row.created_at.astimezone(UTC).isoformat(timespec="microseconds")}
    return json.dumps(values).encode() + b"\n"


def read(copy: Iterable[bytes]) -> Iterator[Row]:
    """Read a copy; raises Invalid with the line that is no entry."""
    for number, line in enumerate(copy, start=1):
        try:
            values: dict[str, Any] = json.loads(line)
            values["created_at"] = datetime.fromisoformat(values["created_at"])
            yield Row(**values)
        except (ValueError, TypeError, KeyError):
            raise Invalid(f"Line {number} of the copy is no entry of an audit log.") from None


def verify_copy(copy: Iterable[bytes], wanted: str | None = None) -> Checked:
    """Check a copy of the log or of a part of it, like `verify`; raises Invalid if it is none."""
    found = check(read(copy), None, wanted)
    if not found.count and not found.broken:
        raise Invalid("The copy has no entries.")
    return found
