"""The release step: a staged version is sealed, published, recorded, and made live.

    seal → transaction { write the number into the run's row } → rename into place
         → transaction { record → move the alias, begin a live comparison → end the run } → tell the web processes

No transaction waits for the store. In an object store, sealing uploads the files and one conditional write stands for
the rename. The number is written down first, and every attempt at the run puts its version there first: of an attempt
that was taken for dead and the one that took the run over, one finds the number taken, so a run publishes once. If the
worker dies after the rename, the files lie in the store without a row: the next attempt at the run finds and records
them, or, if the run has ended, the web process does (app/services/training/published.py).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.db import Alias, TrainingRun, serving_alias, write_transaction
from app.runtime import announcements
from app.services.prompts import studio_settings
from app.services.training import published, runs
from app.services.versions import live_comparison, versions
from models.chat.versions import base_of
from models.model_errors import VersionDamaged, VersionExists, VersionMissing
from models.store.manifest import Manifest
from models.store.store import HEAD_FILE, CheckpointStore
from worker.studio.attempt import Attempt
from worker.studio.patience import STORE_AWAY, patiently
from worker.studio.studio import Studio

log = logging.getLogger(__name__)

_CANCELLED = "The version was published but is not live: its run was to be cancelled while it was being published."


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The contents of a version's manifest besides its number."""

    parent: int | None
    method: str
    config: Mapping[str, Any]
    data_sha256: str
    metrics: Mapping[str, Any]
    run_id: int | None = None
    run_key: str | None = None
    provenance: Mapping[str, Any] | None = None


def seal(
    store: CheckpointStore,
    staged: Path,
    *,
    number: int,
    parent: int | None,
    run_id: int | None,
    method: str,
    config: Mapping[str, Any],
    data_sha256: str,
    metrics: Mapping[str, Any],
    run_key: str | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write the staged version's manifest and flush everything to disk, so that publishing it is one rename."""
    manifest = Manifest(
        number=number,
        parent=parent,
        run_id=run_id,
        method=method,
        config=dict(config),
        data_sha256=data_sha256,
        metrics=dict(metrics),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        run_key=run_key,
        provenance=None if provenance is None else dict(provenance),
    )
    return store.seal(staged, manifest)


def release(
    studio: Studio,
    staged: Path,
    facts: Facts,
    note: str | None,
    attempt: Attempt | None = None,
    lowest: int = 1,
) -> Manifest:
    """Publish the staged version under the next number, and make it live unless `note` gives a reason.

    The number is the one that an earlier attempt intended, or else at least `lowest`. If another process publishes that
    number meanwhile, the next one is taken; if an earlier attempt at the same run does, with what this one made, its
    version is recorded and returned. Raises Cancelled, and publishes nothing, if `attempt` does not own its run or was
    to be cancelled when the number is written down; Cancelled if the run is lost later; and StoreAway if the store
    stays away.
    """
    number = attempt.intended_version() if attempt else None
    while True:
        if number is None:
            number = _free_number(studio, lowest)
        manifest = patiently(partial(seal, studio.store, staged, number=number, **vars(facts)), STORE_AWAY)
        _intend(studio, number, attempt)
        try:
            patiently(partial(studio.store.publish, staged, number), STORE_AWAY)
        except VersionExists:
            found = patiently(partial(_published_before, studio.store, manifest), STORE_AWAY) if attempt else None
            if found is None:
                lowest, number = number + 1, None
                continue
            manifest = found
        record(studio, manifest, note, attempt)
        return manifest


def record(studio: Studio, manifest: Manifest, note: str | None, attempt: Attempt | None = None) -> None:
    """Record a version whose files are published, move the alias unless `note` gives a reason, and end the run.

    If the run was to be cancelled, its version is recorded all the same, but is not live. Raises Cancelled, and does
    nothing, if `attempt` no longer owns its run, and StoreAway if the store stays away.
    """
    head = patiently(partial(studio.store.read, manifest, HEAD_FILE), STORE_AWAY)
    with studio.sessions() as session, write_transaction(session):
        run = _owned(session, attempt)
        if run is not None and run.cancel_requested_at is not None:
            note = _CANCELLED
        elif run is not None and note is None:
            note = _somebody_chose(session, run)
        published.record(session, manifest, studio.store.location(manifest.number), head, run)
        if note is None:
            compare = run is not None and run.forgetting_id is None and base_of(manifest) is None
            note = _let_serve(session, manifest.number, compare=compare)
        if run is not None:
            runs.succeed(session, run, manifest.number, note)
            run.data_hash = manifest.data_sha256
    if attempt:
        log.info("Run %d published version %d.", attempt.run_id, manifest.number)
    if note is None and not announcements.alias_moved(studio.queue, manifest.number) and attempt:
        log.warning("The queue is away: the web processes will see version %d by polling.", manifest.number)


def _free_number(studio: Studio, lowest: int) -> int:
    """Return the lowest number above all of the database and the store that is at least `lowest`."""
    free = max(versions.next_number(studio.sessions), lowest)
    return patiently(partial(studio.store.next_number, free), STORE_AWAY)


def _intend(studio: Studio, number: int, attempt: Attempt | None) -> None:
    """Write the number into the row of the attempt's run, if there is one; from then on a cancellation is too late.

    Raises Cancelled if the run is no longer the attempt's, or was to be cancelled.
    """
    with studio.sessions() as session, write_transaction(session):
        run = _owned(session, attempt)
        if run is None:
            return
        if run.cancel_requested_at is not None:
            raise _cancelled()
        run.intended_version = number


def _published_before(store: CheckpointStore, ours: Manifest) -> Manifest | None:
    """Return the version of that number if an attempt at the same run made it of the same settings and data."""
    try:
        found = store.manifest(ours.number)
    except (VersionDamaged, VersionMissing):
        return None
    same_run = ours.run_key is not None and found.run_key == ours.run_key
    same = same_run and found.is_made_of(ours.parent, ours.method, ours.config, ours.data_sha256)
    return found if same else None


def _owned(session: Session, attempt: Attempt | None) -> TrainingRun | None:
    """Return the run of an attempt, held until the running transaction ends; None for no attempt.

    Raises Cancelled if the run is no longer the attempt's.
    """
    if attempt is None:
        return None
    run = attempt.owned(session)
    if run is None:
        raise _cancelled()
    return run


def _cancelled() -> Exception:
    from worker.training.shared.training_errors import Cancelled

    return Cancelled("The run was cancelled before its version was recorded.")


def _let_serve(session: Session, number: int, *, compare: bool) -> str | None:
    """Move the alias to a version, and begin its live comparison with what served before, as the studio's settings say.

    Where it must prove itself first, the other one goes on serving; returns that as a sentence, or else None. Nothing
    is compared without `compare`: a version that was made to forget takes the place of one that must not go on writing,
    and screens of chat models are drawn by one model.
    """
    session.get(
        Alias, serving_alias(session), with_for_update=True
    )  # whoever switches live comparisons off holds it, too
    decided = studio_settings.settings(session)
    before = versions.serving_number(session)
    compared = compare and decided.compare_live and before not in (None, number)
    if not compared or not decided.prove_first:
        versions.point_serving_at(session, number, None)
    if not compared or before is None:
        return None
    live_comparison.begin(session, old=before, new=number, serving=before if decided.prove_first else number)
    if not decided.prove_first:
        return None
    return (
        f"The version was published, and as the studio asks it had to prove itself first, on the same screens as "
        f"version {before}: it goes live once the clicks show that it is better."
    )


def _somebody_chose(session: Session, run: TrainingRun) -> str | None:
    """Say why a version must not take the place of one that a person let serve while it was trained; None if none did.

    The alias is held until the running transaction ends, so that nobody moves it in between.
    """
    session.get(Alias, serving_alias(session), with_for_update=True)
    chosen = versions.chosen_since(session, run.started_at) if run.started_at else None
    if chosen is None:
        return None
    return (
        f"The version was published but is not live: version {chosen} was made live while it was trained. "
        "Make it live if it shall take its place."
    )
