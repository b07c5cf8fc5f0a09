"""Making a version of clicks again from its record, and comparing the two.

The same judgments, labelled pairs, settings, seed and number of threads give the same weights to the last bit on the
same kind of processor with the same code. What cannot be had any more is said, and how far apart the two then are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.db import DeletedJudgment, RunStatus, TrainingRun, Version, now, write_transaction
from app.domain_errors import Conflict
from app.services.system import audit
from app.services.training.rebuilds import labelled_pairs
from app.services.training.rebuilds.readings import Exactly
from app.services.training.reward import judged
from app.services.training.selection import Selection
from app.services.training.setting_labels import METHODS
from app.services.versions import learned, versions
from models.chat.versions import base_of
from models.store.learned_from import LearnedFrom
from models.store.manifest import Manifest, hash_file
from models.store.store import ADAPTER_FOLDER, HEAD_FILE, MODEL_FOLDER, CheckpointStore
from worker.job.rebuilds import provenance
from worker.job.weighing import weights_of_version
from worker.publish.distance import Distance, distance
from worker.publish.release import Facts, release
from worker.studio.attempt import Attempt, Recorded
from worker.studio.studio import Studio

if TYPE_CHECKING:
    from worker.training.shared.progress import Progress

FIGURES = ("heldout_quality", "preference_accuracy")
"""The held-out figures that are compared: of rewrites that nobody clicked, and of the clicks."""


@dataclass(frozen=True)
class Again:
    """A version to be made again: its manifest, the attempt that repeats its run, and what cannot be had any more."""

    manifest: Manifest
    attempt: Attempt
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """A version and what was made again: the distance of their weights, whether their heads are equal, and figures.

    `same_head` is None if neither has a head. `figures` are held-out figures by name, then and now.
    """

    weights: Distance
    same_head: bool | None
    figures: Mapping[str, tuple[float, float]]


def prepare(studio: Studio, number: int) -> Again:
    """Return what it takes to make version `number` again; raises NotFound, Conflict or ModelError if it cannot be."""
    with studio.sessions() as session:
        version = versions.usable(session, number)
        of_version = select(TrainingRun).where(TrainingRun.id == version.run_id)
        run = session.scalar(of_version.options(undefer(TrainingRun.judgments)))
        if run is None or run.method not in METHODS:
            raise Conflict(f"Version {number} was not trained on clicks by a run of this studio, so it stays as it is.")
        manifest = studio.store.manifest(number)
        parent = versions.usable(session, manifest.parent) if manifest.parent is not None else None
        if parent is None:
            raise Conflict(f"Version {number} names no version that it was trained from.")
        recorded = _recorded(session, studio.store, manifest, run)
        missing = tuple(_missing(session, studio.store, manifest, recorded))
        attempt = Attempt(
            studio.sessions,
            run.id,
            run.key,
            run.attempts,
            project=run.project_id,
            method=manifest.method,
            parent=parent.number,
            config=manifest.config,
            selection=run.selection,
            last_judgment_id=run.last_judgment_id,
            again=recorded,
        )
    return Again(manifest, attempt, missing)


def rebuild(studio: Studio, again: Again, run_dir: Path, staged: Path, progress: Progress) -> tuple[Facts, Comparison]:
    """Make the version again in the staged folder, and compare it; raises TrainingError or ModelError of any kind."""
    import torch

    from worker.job import retraining
    from worker.job.chat import chat_retraining

    job = retraining if base_of(again.manifest) is None else chat_retraining
    threads = torch.get_num_threads()
    torch.set_num_threads((again.manifest.provenance or {}).get("machine", {}).get("threads", threads))
    try:
        facts = job.carry_out(studio, again.attempt, run_dir, staged, progress)
    finally:
        torch.set_num_threads(threads)
    return facts, _compare(studio.store, again.manifest, staged, facts)


def publish(studio: Studio, again: Again, staged: Path, facts: Facts) -> int:
    """Publish what was made again as a new version that does not serve, with a run of its own; returns its number.

    Raises Conflict for a version of an earlier release, which names too little of what it was made of.
    """
    number = again.manifest.number
    assert again.attempt.again is not None
    if again.attempt.again.pairs is None:
        raise Conflict(f"Version {number} was made by an earlier release and names too little to be published again.")
    ids = LearnedFrom.read(staged)
    with studio.sessions() as session, write_transaction(session):
        old = session.get_one(TrainingRun, again.attempt.run_id)
        run = _run_like(old, facts, ids.ids if ids else frozenset())
        session.add(run)
        session.flush()
        labelled_pairs.keep(session, run.id, again.attempt.again.pairs, lambda text: True)
        audit.record(session, None, "version.rebuilt", f"version {number}", run=run.id)
        run_id, key = run.id, run.key
    said = f"Version {number}, made again from its record."
    manifest = release(studio, staged, replace(facts, run_id=run_id, run_key=key), said)
    with studio.sessions() as session, write_transaction(session):
        session.get_one(TrainingRun, run_id).produced_version = manifest.number
        session.get_one(Version, manifest.number).note = said
    return manifest.number


def _run_like(old: TrainingRun, facts: Facts, ids: frozenset[int]) -> TrainingRun:
    """Return the row of the run that has made a version again, like that of the run before."""
    return TrainingRun(
        method=facts.method,
        config=dict(facts.config),
        selection=old.selection,
        status=RunStatus.SUCCEEDED,
        stage=str(RunStatus.SUCCEEDED),
        pairs=old.pairs,
        last_judgment_id=old.last_judgment_id,
        judgments=learned.pack(ids),
        data_hash=facts.data_sha256,
        parent_version=facts.parent,
        started_at=now(),
        finished_at=now(),
    )


def _recorded(session: Session, store: CheckpointStore, manifest: Manifest, run: TrainingRun) -> Recorded:
    """Return the record of a version, as much of it as its release kept."""
    folder = store.folder(manifest.number)
    read, weights = LearnedFrom.read(folder), weights_of_version(folder)
    if read is None:
        selection = Selection.parse(run.selection)
        reading = Exactly(learned.unpack(run.judgments).tolist()) if run.judgments is not None else selection
        ids = judged.standing(session, *reading.conditions(run.last_judgment_id))
        trained = learned.unpack(run.judgments).tolist() if run.judgments is not None else ids
        return Recorded(LearnedFrom(tuple(trained), tuple(ids)), None, weights)
    metrics = manifest.metrics
    pairs = tuple(labelled_pairs.kept(session, run.id))
    return Recorded(read, pairs, weights, metrics.get("head_texts", 0), metrics.get("head_sureness", 0.0))


def _missing(session: Session, store: CheckpointStore, manifest: Manifest, recorded: Recorded) -> Iterator[str]:
    """Yield a sentence for each thing that cannot be had any more, or is another one now."""
    ids = recorded.judgments.ids
    gone = len(ids & set(session.scalars(select(DeletedJudgment.id))))
    if gone:
        yield f"{gone} of its {len(ids)} judgments {_were(gone)} deleted since."
    towards = manifest.metrics.get("interpolated_towards")
    if towards is not None and not store.has(int(towards)):
        yield f"Version {towards}, to which it was held, was deleted: its files are gone."
    if manifest.provenance is None or recorded.pairs is None:
        yield "An earlier release made it, which kept neither the pairs of other texts nor what it ran on."
        return
    labelled = manifest.provenance["labelled"]["pairs"]
    if len(recorded.pairs) < labelled:
        lost = labelled - len(recorded.pairs)
        yield f"{lost} of its {labelled} pairs of other texts {_were(lost)} of prompts that were deleted since."
    yield from _changed("The code is another one", manifest.provenance["code"], provenance.code())
    machine = {**provenance.machine(), "threads": manifest.provenance["machine"]["threads"]}  # as many are used again
    yield from _changed("The machine is another one", manifest.provenance["machine"], machine)


def _changed(what: str, then: Mapping[str, Any], at_present: Mapping[str, Any]) -> Iterator[str]:
    names = provenance.differences(then, at_present)
    if names:
        yield f"{what}: {', '.join(f'{name} {then.get(name)} then, {at_present.get(name)} now' for name in names)}."


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _compare(store: CheckpointStore, manifest: Manifest, staged: Path, facts: Facts) -> Comparison:
    folder = store.folder(manifest.number)
    heads = [hash_file(place / HEAD_FILE) for place in (folder, staged) if (place / HEAD_FILE).is_file()]
    both = {
        name: (float(manifest.metrics[name]), float(facts.metrics[name]))
        for name in FIGURES
        if name in manifest.metrics and name in facts.metrics
    }
    weights = MODEL_FOLDER if base_of(manifest) is None else ADAPTER_FOLDER
    same_head = (len(heads) == 2 and heads[0] == heads[1]) if heads else None
    return Comparison(distance(folder / weights, staged / weights), same_head, both)
