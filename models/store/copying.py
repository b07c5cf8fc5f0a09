"""Copying versions and uploads from one store into another, as when a folder is left for an object store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

from models.store.store import CheckpointStore


def copy_versions(source: CheckpointStore, target: CheckpointStore) -> Iterator[int]:
    """Publish in `target`, under the same numbers, the versions that only `source` has; yields each number.

    Calling it again goes on where it was interrupted. Raises StoreError, and VersionDamaged before a damaged version.
    """
    there = set(target.numbers())
    for number in source.numbers():
        if number not in there:
            _copy(source, target, number)
            yield number


def copy_uploads(source: CheckpointStore, target: CheckpointStore) -> int:
    """Store in `target` all uploaded training data of `source`, and return how many there are."""
    digests = source.uploads.digests()
    for digest in digests:
        body, name = source.uploads.read(digest)
        target.uploads.add(body, name.rpartition(".")[2])
    return len(digests)


def _copy(source: CheckpointStore, target: CheckpointStore, number: int) -> None:
    manifest = source.verify(number)
    folder = source.folder(number)
    with target.stage() as staged:
        for name in manifest.files:
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, staged / name)
        target.seal(staged, replace(manifest, files={}, upload=None))
        target.publish(staged, number)
