"""Check what must hold once a run has ended, whatever was killed, by the database and the store's own folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import SERVING, Alias, Judgment, TrainingRun, Version
from models.model_errors import VersionDamaged
from models.store.manifest import Manifest
from models.store.remote.object_store import FILES, VERSIONS
from models.store.store import MODEL_FOLDER, SERVING_FOLDER

Weights = Mapping[str, str]
"""The hashes of the files of the trained and of the served model, by their paths in the version."""


def weights_of(bucket: Path, number: int) -> Weights:
    """Return the hashes that the manifest of a version names; raises VersionDamaged if there is none."""
    files = _manifest(bucket, number).files
    return {
        name: digest for name, digest in files.items() if name.startswith((f"{MODEL_FOLDER}/", f"{SERVING_FOLDER}/"))
    }


def faults_of(
    session: Session, bucket: Path, run_id: int, before: Collection[int], expected: Weights | None
) -> Iterator[str]:
    """Yield a sentence for each thing that is otherwise than the run's one publication makes it.

    `before` are the versions that there were when it was asked for; without `expected` weights any will do.
    """
    run = session.get_one(TrainingRun, run_id, populate_existing=True)
    if run.status != "succeeded":
        yield f"The run {run.status}: {run.error}"
    versions = list(session.scalars(select(Version).execution_options(populate_existing=True)))
    new = [one for one in versions if one.number not in before]
    if [one.run_id for one in new] != [run_id] or [one.number for one in new] != [run.produced_version]:
        yield f"The run published {[(one.number, one.run_id) for one in new]} and says {run.produced_version}"
    there = {one.number for one in versions if one.deleted_at is None}
    stored = {int(path.stem) for path in (bucket / VERSIONS).glob("*.json")}
    if stored != there:
        yield f"The store has the manifests {sorted(stored)}, the database the rows {sorted(there)}"
    for number in sorted(stored - set(before)):
        yield from damage(bucket, number)
    if expected is not None and run.produced_version in stored and weights_of(bucket, run.produced_version) != expected:
        yield f"The weights of version {run.produced_version} are not those of the undisturbed run"
    serving = session.get_one(Alias, SERVING, populate_existing=True).version_number
    if serving not in stored:
        yield f"The alias names version {serving}, which is not there"


def damage(bucket: Path, number: int) -> Iterator[str]:
    """Yield a sentence for each file of a version that is missing or not what its manifest says."""
    try:
        manifest = _manifest(bucket, number)
    except VersionDamaged as error:
        yield str(error)
        return
    for name, digest in manifest.files.items():
        path = bucket / FILES / str(manifest.upload) / name
        if not path.is_file():
            yield f"Of version {number} there is no {name}"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield f"Of version {number} {name} is not what its manifest says"


def left_over(bucket: Path) -> int:
    """Count the folders of files that no manifest names: a dead publisher's, which the product removes after a day."""
    named = {_manifest(bucket, int(path.stem)).upload for path in (bucket / VERSIONS).glob("*.json")}
    folders = (path for path in (bucket / FILES).glob("*") if any(one.is_file() for one in path.rglob("*")))
    return sum(path.name not in named for path in folders)


def judgment_faults(session: Session, judged: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each judgment that was acknowledged and is not there once, as the id that was told."""
    rows = session.execute(select(Judgment.client_key, Judgment.id).where(Judgment.client_key.in_(judged)))
    stored = {row.client_key: row.id for row in rows}
    for key, number in judged.items():
        if stored.get(key) != number:
            yield f"Judgment {key} was acknowledged as {number} and is {stored.get(key)}"
    screens = select(Judgment.generation_id).where(Judgment.undone_at.is_(None))
    twice = session.scalars(screens.group_by(Judgment.generation_id).having(func.count() > 1)).all()
    if twice:
        yield f"The screens {sorted(Counter(twice))} are judged twice"


def _manifest(bucket: Path, number: int) -> Manifest:
    path = bucket / VERSIONS / f"{number:06d}.json"
    if not path.is_file():
        raise VersionDamaged(f"Version {number} has no manifest.")
    return Manifest.parse(path.read_text(encoding="utf-8"), str(path))
