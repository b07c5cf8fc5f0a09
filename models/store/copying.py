"""Copying versions and uploads from one store into another, as when a folder is left for an object store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

from models.model_errors import UploadMissing
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


def copy_uploads(source: CheckpointStore, target: CheckpointStore, tell: Callable[[str], object]) -> int:
    """Store in `target` all uploaded training data of `source`, and return how many there are.

    What is damaged, or removed meanwhile, is left out; `tell` is called with a sentence about each.
    """
    copied = 0
    for digest in source.uploads.digests():
        try:
            body, name = source.uploads.read(digest)
        except UploadMissing as error:
            tell(str(error))
            continue
        target.uploads.add(body, name.rpartition(".")[2])
        copied += 1
    return copied


def _copy(source: CheckpointStore, target: CheckpointStore, number: int) -> None:
    manifest = source.verify(number)
    folder = source.folder(number)
    with target.stage() as staged:
        for name in manifest.files:
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, staged / name)
        target.seal(staged, replace(manifest, files={}, upload=None))
        target.publish(staged, number)
    source.let_go(number)
