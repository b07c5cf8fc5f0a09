"""Versions whose files were published: recorded with the run that made them, also where its worker died in between.

A worker renames a version's files into place before the transaction that records them. If it is killed between the two,
the files lie in the store and no row names them. While the run is active its next attempt records them. What an ended
run has left is recorded here: nothing is removed, since files that one database does not know may be another one's, or
of a time after its backup.

The database tells when there may be something to find: when a run has ended, or a version was recorded. Then the store
is listed, and besides once in a while, for what nobody told of; and as long as the store is away, at each look.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import ACTIVE_STATUSES, TrainingRun, Version, everything, within, write_transaction
from app.services.training.reward import heads
from app.services.versions import forgetting, learned, versions
from models.model_errors import ModelError, StoreAway
from models.store.manifest import Manifest
from models.store.store import HEAD_FILE, CheckpointStore

log = logging.getLogger(__name__)

LIST_SECONDS = 300.0
"""The longest time between two listings of the store; each is a request that an object store charges for."""


def record(session: Session, manifest: Manifest, location: str, head: bytes | None, run: TrainingRun | None) -> None:
    """Record a published version, where it lies and the head that it carries, within the running transaction.

    Everything is read before, since nobody can write to the database while this transaction waits for a store.
    """
    run = run or _run_of(session, manifest)
    version = versions.record_version(session, manifest, location)
    if run is not None and run.rebuilds is not None and version.run_id == run.id:
        version.note = forgetting.note(session, run)
    if head is not None:
        last, lost = (run.last_judgment_id, learned.lost_of_run(session, run)) if run else (0, 0)
        heads.carry(session, manifest.number, head, last, lost)


class Leftovers:
    """Looks in the store for versions that ended runs of this database have left unrecorded."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._of_others: set[int] = set()
        self._listed: tuple[int, ...] = ()
        self._listed_at = 0.0

    def look(self, session: Session) -> None:
        """List the store if something has happened since, or some time has passed, and record what is found.

        Such a version does not serve; a person may promote or delete it. Raises StoreAway; the next look lists again.
        """
        with everything(session):
            happened = _happened(session)
            if happened == self._listed and time.monotonic() < self._listed_at + LIST_SECONDS:
                return
            self._listed = ()
            self._record_found(session, self._store.numbers())
            self._listed, self._listed_at = happened, time.monotonic()

    def _record_found(self, session: Session, published: list[int]) -> None:
        known = set(session.scalars(select(Version.number)))
        for number in published:
            if number in known or number in self._of_others:
                continue
            try:
                manifest = self._store.manifest(number)
                run = _run_of(session, manifest)
                if run is None:
                    self._of_others.add(number)
                else:
                    self._record_unless_active(session, manifest, run)
            except StoreAway:
                raise
            except ModelError as error:
                self._of_others.add(number)
                log.warning("Version %d of the store is not recorded: %s", number, error)

    def _record_unless_active(self, session: Session, manifest: Manifest, run: TrainingRun) -> None:
        head = self._store.read(manifest, HEAD_FILE)
        with write_transaction(session):
            # A worker publishes while its run is active: what is unrecorded now was not left by a living one.
            session.refresh(run, with_for_update=True)
            if run.active or session.get(Version, manifest.number) is not None:
                return
            with within(session, run.project_id):
                record(session, manifest, self._store.location(manifest.number), head, run)
            found = f"Version {manifest.number}, published by a worker that died, was found and recorded."
            run.log = f"{run.log}\n{found}".lstrip()
        log.warning("Run %d: %s", run.id, found)


def _happened(session: Session) -> tuple[int, ...]:
    """Return what grows when a run ends or a version is recorded: how many of each there are."""
    ended = select(func.count(TrainingRun.id)).where(TrainingRun.status.not_in(ACTIVE_STATUSES))
    return session.scalar(ended) or 0, session.scalar(select(func.count(Version.number))) or 0


def _run_of(session: Session, manifest: Manifest) -> TrainingRun | None:
    """Return the run of this database that made a version, or None; ids alone are those of other databases, too."""
    if manifest.run_key is None:
        return None
    of_key = select(TrainingRun).where(TrainingRun.key == manifest.run_key, TrainingRun.id == manifest.run_id)
    return session.scalar(of_key)
