"""Fetching a version: file by file, going on where an earlier attempt was cut off, each compared with its hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from models.model_errors import VersionDamaged
from models.store.manifest import Manifest, hash_file
from models.store.remote.bucket import Bucket

PIECE_BYTES = 8 * 1024**2


def fetch(bucket: Bucket, manifest: Manifest, sizes: Mapping[str, int], folder: Path) -> None:
    """Fill a folder with the files of a version; what is there already is kept where it is right.

    `sizes` are those of the files in the bucket, in bytes. Raises VersionDamaged if a file is not what the manifest
    says, and StoreAway: then what has arrived stays.
    """
    for name, digest in manifest.files.items():
        path, key = folder / name, f"files/{manifest.upload}/{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = path.exists()
        _complete(bucket, key, path, sizes[name])
        found = hash_file(path)
        if begun and found != digest:
            path.unlink()  # what was here may not have reached the disk before a power cut
            _complete(bucket, key, path, sizes[name])
            found = hash_file(path)
        if found != digest:
            path.unlink()
            raise VersionDamaged(f"Version {manifest.number} is damaged: {name} differs from its manifest.")


def _complete(bucket: Bucket, key: str, path: Path, size: int) -> None:
    """Append to a file what it lacks of an object of that size."""
    with path.open("ab") as file:
        while (here := file.tell()) < size:
            file.write(bucket.piece(key, here, min(PIECE_BYTES, size - here)))
