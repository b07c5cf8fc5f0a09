"""Uploaded training data in an object store, each file named by the hash of its format and content."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from models.formats.files.pair_files import EXTENSIONS
from models.model_errors import UploadMissing
from models.store.remote.bucket import Bucket
from models.store.uploads import FOLDER, HASH, dataset_hash


class ObjectUploads:
    """Uploads as objects of a bucket, with the methods of an UploadStore; each raises StoreAway, too."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def add(self, body: bytes, extension: str) -> str:
        """Store `body`, whose format is one of the `EXTENSIONS`, and return its hash."""
        kind = EXTENSIONS[extension]
        digest = dataset_hash(body, kind)
        self._bucket.write(f"{FOLDER}/{digest}.{kind}", body)
        return digest

    def read(self, digest: str) -> tuple[bytes, str]:
        """Return the content with that hash and the name of its file; raises UploadMissing, also if it is damaged."""
        for kind in sorted(set(EXTENSIONS.values())):
            name = f"{digest}.{kind}"
            body = self._bucket.read(f"{FOLDER}/{name}") if digest.isalnum() else None
            if body is not None:
                if dataset_hash(body, kind) != digest:
                    raise UploadMissing(f"The uploaded data {name} is damaged: upload it again.")
                return body, name
        raise UploadMissing(f"There is no uploaded data {digest[:64]!r}: upload it first.")

    def digests(self) -> list[str]:
        """Return the hashes of all uploads."""
        stems = {PurePosixPath(one.name).stem for one in self._bucket.below(FOLDER)}
        return sorted(filter(HASH.fullmatch, stems))

    def remove_older(self, seconds: float, keep: Collection[str]) -> None:
        """Remove uploads older than that, except for the hashes in `keep`."""
        long_ago = datetime.now(UTC) - timedelta(seconds=seconds)
        names = [one.name for one in self._bucket.below(FOLDER) if one.written_at < long_ago]
        self._bucket.remove([name for name in names if PurePosixPath(name).stem not in keep])
