"""Versions as the database knows them, and the alias that says which one serves."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db import SERVING, Alias, Version, now, write_transaction
from app.errors import NotFound
from app.services import audit
from models.manifest import Manifest


def serving_number(session: Session) -> int | None:
    """The number of the version that should serve, or None while nothing is published."""
    return session.scalar(select(Alias.version_number).where(Alias.name == SERVING))


def all_versions(session: Session) -> list[Version]:
    """All versions, the newest first."""
    return list(session.scalars(select(Version).order_by(Version.number.desc())))


def get(session: Session, number: int) -> Version:
    """One version; raises NotFound."""
    version = session.get(Version, number)
    if version is None:
        raise NotFound(f"There is no version {number}.")
    return version


def highest_number(session: Session) -> int:
    """The highest number the database knows, 0 if none."""
    return session.scalar(select(func.max(Version.number))) or 0


def next_number(sessions: sessionmaker[Session]) -> int:
    """The lowest number above every one the database knows, read in a session of its own."""
    with sessions() as session:
        return highest_number(session) + 1


def record_version(session: Session, manifest: Manifest, location: str) -> Version:
    """Add a published version to the running transaction; if it is known already, that row is returned."""
    known = session.get(Version, manifest.number)
    if known is not None:
        return known
    version = Version(
        number=manifest.number,
        parent_number=manifest.parent,
        run_id=manifest.run_id,
        method=manifest.method,
        location=location,
        sha256=manifest.sha256,
        metrics=dict(manifest.metrics),
    )
    session.add(version)
    session.flush()
    audit.record(session, None, "version.published", f"version {manifest.number}", run=manifest.run_id)
    return version


def point_serving_at(session: Session, number: int, by: int | None) -> bool:
    """Move the alias within the running transaction; False if it is there already."""
    alias = session.get(Alias, SERVING)
    if alias is not None and alias.version_number == number:
        return False
    before = alias.version_number if alias else None
    if alias is None:
        session.add(Alias(name=SERVING, version_number=number))
    else:
        alias.version_number, alias.moves, alias.moved_at = number, alias.moves + 1, now()
    audit.record(session, by, "alias.moved", SERVING, before=before, after=number)
    return True


def promote(session: Session, number: int, by: int) -> bool:
    """Let version `number` serve from now on, newer or older; raises NotFound; False if it serves already."""
    with write_transaction(session):
        get(session, number)
        return point_serving_at(session, number, by)
