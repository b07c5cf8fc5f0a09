"""The state of the system for admins: disk space, active runs, and the audit log."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import ACTIVE_STATUSES, AuditEvent, TrainingRun, User, holds
from app.schemas.windows import MOST, Window
from app.services.system import backups
from app.services.system.backups import Backup
from app.words import N_
from models.store.disk import has_room

LOW_DISK_BYTES = 2 * 1024**3
LEAST_DISK_BYTES = 16 * 1024**2
"""With less, the database and the queue may fail to write at any moment."""


@dataclass(frozen=True)
class Space:
    """A place where Mellow stores something: used size and disk in bytes, None if unknown.

    `label` is English, a sentence of the catalogue.
    """

    label: str
    place: str
    used: int | None
    free: int | None
    total: int | None

    @property
    def low(self) -> bool:
        """Return whether a version or a backup may soon not fit any more."""
        return self.free is not None and self.free < LOW_DISK_BYTES


@dataclass(frozen=True)
class AuditFilter:
    """A filter of the audit log; empty fields match all. Days are whole, in UTC."""

    action: str = ""
    user_id: int | None = None
    subject: str = ""
    since: date | None = None
    until: date | None = None


class Entry(NamedTuple):
    """One entry of the audit log and who did it; None is Mellow itself."""

    event: AuditEvent
    who: str | None


def spaces(session: Session, settings: Settings, kept: Sequence[Backup]) -> list[Space]:
    """Return the spaces of the versions, or of their cache, of the database and of the backups that are kept."""
    stored = sum(backup.bytes for backup in kept)
    return [
        _space(N_("Versions"), settings.store, _folder_bytes(settings.store)),
        _database_space(session, settings),
        Space(N_("Backups"), f"{settings.store_address}/{backups.FOLDER}", stored, None, None)
        if settings.store_address
        else _space(N_("Backups"), settings.home / backups.FOLDER, stored),
    ]


def full_disks(settings: Settings) -> list[str]:
    """Return what is stored on a disk that is full, or nearly so: in words, without the places."""
    places = {"the home folder": settings.home, "the versions": settings.store}
    if settings.database_url.startswith("sqlite"):
        places["the database"] = backups.sqlite_file(settings).parent
    return [what for what, place in places.items() if not has_room(place, LEAST_DISK_BYTES)]


def waiting_runs(session: Session) -> int:
    """Count the training runs that wait or work."""
    return session.scalar(select(func.count(TrainingRun.id)).where(TrainingRun.status.in_(ACTIVE_STATUSES))) or 0


def actions(session: Session) -> list[str]:
    """Return every kind of action in the audit log."""
    return list(session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)))


def audit_window(session: Session, wanted: AuditFilter, before: int | None = None, sort: str = "") -> Window:
    """Return the newest entries that match, as many as a table sorts, with the values of the column `sort`."""
    value = _VALUES.get(sort, AuditEvent.id.expression).label("value")
    found = select(AuditEvent.id, value).outerjoin(User, User.id == AuditEvent.user_id)
    if before is not None:
        found = found.where(AuditEvent.id < before)
    if wanted.action:
        found = found.where(AuditEvent.action == wanted.action)
    if wanted.user_id is not None:
        found = found.where(AuditEvent.user_id == wanted.user_id)
    if wanted.subject:
        found = found.where(holds(AuditEvent.subject, wanted.subject))
    if wanted.since:
        found = found.where(AuditEvent.created_at >= _midnight(wanted.since))
    if wanted.until:
        found = found.where(AuditEvent.created_at < _midnight(wanted.until) + timedelta(days=1))
    rows = session.execute(found.order_by(AuditEvent.id.desc()).limit(MOST + 1)).all()
    further = {"before": str(rows[MOST - 1].id)} if len(rows) > MOST else {}
    return Window([(row.id, row.value) for row in rows[:MOST]], further)


def audit_entries(session: Session, ids: Sequence[int]) -> list[Entry]:
    """Return the entries with these ids, in their order."""
    found = select(AuditEvent, _WHO).outerjoin(User, User.id == AuditEvent.user_id).where(AuditEvent.id.in_(ids))
    entries = {event.id: Entry(event, who) for event, who in session.execute(found)}
    return [entries[number] for number in ids if number in entries]


_WHO = func.coalesce(func.nullif(User.name, ""), User.email)
_VALUES: Mapping[str, ColumnElement[Any]] = {
    "who": _WHO,
    "action": AuditEvent.action.expression,
    "subject": AuditEvent.subject.expression,
}
"""What the audit log can be sorted by, beside the time, which is the order of its ids."""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _database_space(session: Session, settings: Settings) -> Space:
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        size = session.scalar(select(func.pg_database_size(func.current_database())))
        return Space(N_("Database"), url.render_as_string(hide_password=True), size, None, None)
    file = backups.sqlite_file(settings)
    sizes = [path.stat().st_size for path in (file, file.with_name(file.name + "-wal")) if path.exists()]
    return _space(N_("Database"), file, sum(sizes))


def _space(label: str, place: Path, used: int) -> Space:
    existing = next(path for path in (place, *place.parents) if path.exists())
    disk = shutil.disk_usage(existing)
    return Space(label, str(place), used, disk.free, disk.total)


def _folder_bytes(folder: Path) -> int:
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a training may remove files meanwhile
            continue
    return sizes
