"""Versions in the database, and the alias that names the live one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db import (
    ACTIVE_STATUSES,
    SERVING,
    Alias,
    AuditEvent,
    TrainingRun,
    Version,
    everything,
    insert_new,
    now,
    serving_alias,
    write_transaction,
)
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.system import audit, webhooks
from app.services.versions import live_comparison
from app.words import gettext
from models.chat.versions import base_of, holds_base
from models.store.manifest import Manifest
from models.store.store import CheckpointStore

LONGEST_NOTE = 2000


def serving_number(session: Session) -> int | None:
    """Return the number of the live version, or None before the first one is published."""
    return session.scalar(select(Alias.version_number).where(Alias.name == serving_alias(session)))


def all_versions(session: Session) -> list[Version]:
    """Return all versions, the newest first."""
    return list(session.scalars(select(Version).order_by(Version.number.desc())))


def get(session: Session, number: int) -> Version:
    """Return one version; raises NotFound."""
    version = session.get(Version, number)
    if version is None:
        raise NotFound(gettext("There is no version %(number)s.", number=number))
    return version


def project_of_version(session: Session, number: int) -> int | None:
    """Return the id of the project that a version of any project is of; None if there is no such version."""
    with everything(session):
        return session.scalar(select(Version.project_id).where(Version.number == number))


def usable(session: Session, number: int, *, locked: bool = False) -> Version:
    """Return a version whose files exist, to serve, train from or try; raises NotFound or Conflict.

    With `locked`, its row is locked until the running transaction ends, so that the version is not deleted meanwhile.
    """
    version = session.get(Version, number, with_for_update=locked or None, populate_existing=locked)
    if version is None:
        raise NotFound(gettext("There is no version %(number)s.", number=number))
    if version.deleted_at is not None:
        raise Conflict(gettext("Version %(number)s was deleted: its files are gone.", number=number))
    return version


def highest_number(session: Session) -> int:
    """Return the highest number in the database, 0 if there is none."""
    with everything(session):
        return session.scalar(select(func.max(Version.number))) or 0


def next_number(sessions: sessionmaker[Session]) -> int:
    """Return the lowest number above all in the database, read in a session of its own."""
    with sessions() as session:
        return highest_number(session) + 1


def record_version(session: Session, manifest: Manifest, location: str) -> Version:
    """Add a published version to the running transaction and return its row; returns the row that exists, if any.

    A parent that this database does not know is left out, and so is the run of a version if another is of that run.
    """
    known = session.get(Version, manifest.number)
    if known is not None:
        return known
    with everything(session):  # the first version of a project may be a copy of another one's
        parent = manifest.parent and session.get(Version, manifest.parent)
    another = session.scalar(select(Version.number).where(Version.run_id == manifest.run_id))
    row = {
        "number": manifest.number,
        "parent_number": manifest.parent if parent else None,
        "run_id": manifest.run_id if another is None else None,
        "method": manifest.method,
        "location": location,
        "sha256": manifest.sha256,
        "metrics": dict(manifest.metrics),
    }
    if insert_new(session, Version, [row], Version.number):
        audit.record(session, None, "version.published", f"version {manifest.number}", run=manifest.run_id)
    return session.get_one(Version, manifest.number)


def point_serving_at(session: Session, number: int, by: int | None) -> bool:
    """Move the alias within the running transaction; False if it is there already.

    A live comparison that is under way ends with it, since another version serves than when it began.
    """
    first = bool(
        insert_new(
            session,
            Alias,
            [{"name": serving_alias(session), "version_number": number}],
            Alias.name,
        )
    )
    # Held until the running transaction ends: who moves it next then reads where it was moved to.
    alias = session.get_one(Alias, serving_alias(session), with_for_update=True, populate_existing=True)
    if not first and alias.version_number == number:
        return False
    before = None if first else alias.version_number
    if not first:
        alias.version_number, alias.moves, alias.moved_at = number, alias.moves + 1, now()
    audit.record(session, by, "alias.moved", serving_alias(session), before=before, after=number)
    moved = {"alias": SERVING, "before": before, "after": number, "by": by}
    webhooks.record(session.connection(), webhooks.ALIAS_MOVED, moved, alias.project_id)
    how = "was published meanwhile and is live" if by is None else "was made live by hand"
    live_comparison.end_running(session, f"Version {number} {how}.", by)
    return True


def served_before(session: Session) -> list[int]:
    """Return the versions that served and still have their files, the latest first."""
    moves = session.scalars(
        select(AuditEvent.details)
        .where(AuditEvent.action == "alias.moved", AuditEvent.subject == serving_alias(session))
        .order_by(AuditEvent.id.desc())
        .limit(100)
    )
    kept = set(session.scalars(select(Version.number).where(Version.deleted_at.is_(None))))
    return [number for number in dict.fromkeys(moved["before"] for moved in moves) if number in kept]


def chosen_since(session: Session, moment: datetime) -> int | None:
    """Return the version that a person last let serve since a moment, or None if nobody moved the alias by hand."""
    event = session.scalar(
        select(AuditEvent)
        .where(
            AuditEvent.action == "alias.moved",
            AuditEvent.subject == serving_alias(session),
            AuditEvent.user_id.is_not(None),
            AuditEvent.created_at > moment,
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )
    return int(event.details["after"]) if event is not None else None


def promote(session: Session, number: int, by: int) -> bool:
    """Make version `number`, newer or older, the live one; returns False if it is live already.

    Raises NotFound, or Conflict for a version that was deleted.
    """
    with write_transaction(session):
        usable(session, number, locked=True)
        return point_serving_at(session, number, by)


def set_note(session: Session, by: int, number: int, note: object) -> Version:
    """Replace the note of a version; raises NotFound or Invalid."""
    if not isinstance(note, str) or len(note) > LONGEST_NOTE:
        raise Invalid(gettext("The note must be a text of at most %(number)s characters.", number=LONGEST_NOTE))
    if "\x00" in note:
        raise Invalid(gettext("The note holds characters that cannot be stored."))
    with write_transaction(session):
        version = get(session, number)
        if version.note != note.strip():
            version.note = note.strip()
            audit.record(session, by, "version.noted", f"version {number}")
    return version


def delete(session: Session, store: CheckpointStore, by: int, number: int, confirmed: object) -> None:
    """Delete a version's files for ever and mark its row, which candidates and runs still refer to.

    `confirmed` is the number once more, as the person typed it. Raises NotFound, Invalid if it was not confirmed, and
    Conflict for a version that is live, that takes part in a live comparison, that an active run starts from, that
    holds the chat model of others, or that was deleted already. If a deletion was interrupted before the files were
    gone, calling this again finishes it.
    """
    if str(confirmed).strip() != str(number):
        raise Invalid(gettext("Type %(number)s to confirm that version %(number)s is to be deleted.", number=number))
    adapters = _adapters_of(session, store, number)
    with write_transaction(session):
        version = get(session, number)
        session.refresh(version, with_for_update=True)
        if version.deleted_at is not None and not store.has(number):
            raise Conflict(gettext("Version %(number)s was deleted already.", number=number))
        if serving_number(session) == number:
            raise Conflict(
                gettext("Version %(number)s is live: make another version live before you delete it.", number=number)
            )
        live_comparison.refuse_deletion(session, number)
        if adapters:
            raise Conflict(
                gettext(
                    "Version %(number)s holds the chat model of version %(other)s: delete that one first.",
                    number=number,
                    other=adapters[0],
                )
            )
        run_id = _active_run_from(session, number)
        if run_id is not None:
            raise Conflict(
                gettext(
                    "Run %(run)s starts from version %(number)s: wait for it or cancel it first.",
                    run=run_id,
                    number=number,
                )
            )
        if version.deleted_at is None:
            version.deleted_at = now()
            audit.record(session, by, "version.deleted", f"version {number}", sha256=version.sha256)
    if store.has(number):
        store.remove(number)


def _adapters_of(session: Session, store: CheckpointStore, number: int) -> list[int]:
    """Return the versions of all projects that are adapters of the chat model in that version."""
    if not (store.has(number) and holds_base(store.manifest(number))):
        return []
    session.commit()  # no transaction is open while manifests are read
    with everything(session):
        kept = session.scalars(
            select(Version.number).where(Version.deleted_at.is_(None), Version.number != number)
        ).all()
    session.commit()
    return [other for other in kept if store.has(other) and base_of(store.manifest(other)) == number]


def _active_run_from(session: Session, number: int) -> int | None:
    """Return the id of an active run that starts from that version or names it in its settings, or None."""
    active = select(TrainingRun).where(TrainingRun.status.in_(ACTIVE_STATUSES)).order_by(TrainingRun.id)
    for run in session.scalars(active):
        if number in (run.parent_version, run.config.get("version"), run.config.get("parent_version")):
            return run.id
    return None
