"""Uploaded training data, in a folder that web and worker share: each file named by the hash of its format and content.

    uploads/3f…a1.tsv

A file is written aside, flushed, renamed into place, and never changed: a run that names a hash trains on exactly
those bytes, read in exactly that format.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from models.formats.files.pair_files import EXTENSIONS
from models.model_errors import UploadMissing
from models.store.disk import make_folders, replace

FOLDER = "uploads"
HASH = re.compile("[0-9a-f]{64}")


def dataset_hash(body: bytes, kind: str) -> str:
    """Return the SHA-256 in hexadecimal of the extension (`tsv`, `csv`, `jsonl` or `data`), "\\n" and the content."""
    return hashlib.sha256(f"{kind}\n".encode() + body).hexdigest()


class Uploads(Protocol):
    """Uploads in a folder, or in an object store (models/store/remote/object_uploads.py)."""

    def add(self, body: bytes, extension: str) -> str:
        """Store `body`, whose format is one of the `EXTENSIONS`, and return its hash."""

    def read(self, digest: str) -> tuple[bytes, str]:
        """Return the content with that hash and the name of its file; raises UploadMissing, also if it is damaged."""

    def digests(self) -> list[str]:
        """Return the hashes of all uploads."""

    def remove_older(self, seconds: float, keep: Collection[str]) -> None:
        """Remove uploads older than that, except for the hashes in `keep`."""


class UploadStore:
    """Uploads below `root`, the folder of the checkpoint store."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def add(self, body: bytes, extension: str) -> str:
        """Store `body`, whose format is one of the `EXTENSIONS`, and return its hash.

        Equal content is stored once per format. Raises OSError if it cannot be written.
        """
        kind = EXTENSIONS[extension]
        digest = dataset_hash(body, kind)
        make_folders(self.folder)
        place = self.folder / f"{digest}.{kind}"
        aside = self.folder / f".{digest}.{os.getpid()}.{time.monotonic_ns()}"
        try:
            with aside.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            replace(aside, place)
        finally:
            aside.unlink(missing_ok=True)
        return digest

    def path(self, digest: str) -> Path:
        """Return the path of the file with that hash; raises UploadMissing."""
        if HASH.fullmatch(digest):
            for place in self.folder.glob(f"{digest}.*"):
                return place
        raise UploadMissing(f"There is no uploaded data {digest[:64]!r}: upload it first.")

    def read(self, digest: str) -> tuple[bytes, str]:
        """Return the content with that hash and the name of its file; raises UploadMissing, also if it is damaged."""
        path = self.path(digest)
        body = path.read_bytes()
        if dataset_hash(body, path.suffix[1:]) != digest:
            raise UploadMissing(f"The uploaded data {path.name} is damaged: upload it again.")
        return body, path.name

    def digests(self) -> list[str]:
        """Return the hashes of all uploads."""
        return sorted({path.stem for path in self.folder.glob("*") if HASH.fullmatch(path.stem)})

    def remove_older(self, seconds: float, keep: Collection[str]) -> None:
        """Remove uploads older than that, except for the hashes in `keep`."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process may remove it at the same time
                if path.stem not in keep and path.stat().st_mtime < time.time() - seconds:
                    path.unlink()
