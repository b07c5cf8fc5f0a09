"""The checkpoint store: a folder of immutable versions. One in an object store: models/store/remote/object_store.py.

    000002/manifest.json     its origin, metrics and file hashes
    000002/model/            the merged checkpoint: safetensors and tokenizer, from which training starts
    000002/adapter/          the LoRA adapter alone, if one was trained
    000002/judgment_weights.json   what the judgments weighed that it learned from, if not all weighed 1
    000002/trained_on.safetensors   what it and its ancestors were trained on (trained_on.py)
    000002/learned_from.safetensors the judgments that it learned from, by their ids (learned_from.py)
    000002/evaluation.json   its scores on each held-out text (worker/evaluation/automatic.py)
    000002/rewrites.json     its rewrites of these texts, and those of its parent (rewrites.py)
    000002/serving/          the same weights for CTranslate2, tokenizer.json, maybe vmap.txt (shortlist.py)

A version is staged in a hidden folder of the same file system, flushed to disk, and renamed into place: a reader sees
all of it or nothing, also after a power cut. Nothing in a published version is ever changed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from models.model_errors import StoreError, VersionDamaged, VersionExists, VersionMissing
from models.store.disk import flush, flush_all, make_folders
from models.store.locks import remove_unless_locked
from models.store.manifest import MANIFEST_NAME, Manifest, hash_folder
from models.store.uploads import Uploads, UploadStore

MODEL_FOLDER = "model"
ADAPTER_FOLDER = "adapter"
SERVING_FOLDER = "serving"
HEAD_FILE = "head.safetensors"
"""The reward head that a version carries, if it learned from clicks."""
WEIGHTS_FILE = "judgment_weights.json"
"""The weights of the judgments that a version learned from, by their ids, without those that weighed 1."""
_STAGING = ".staging"
_STAGE_PREFIX = "tmp"
_LOCK_SUFFIX = ".lock"
_RUN_PREFIX = "run-"


class CheckpointStore:
    """Versions as folders below `root`."""

    trouble: str | None = None
    """Why the versions could not be listed the last time; a folder is always there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def uploads(self) -> Uploads:
        """Return the uploaded training data."""
        return UploadStore(self.root)

    def numbers(self) -> list[int]:
        """Return the numbers of all published versions, ascending."""
        if not self.root.is_dir():
            return []
        return sorted(int(path.name) for path in self.root.iterdir() if path.name.isdigit() and path.is_dir())

    def folder(self, number: int) -> Path:
        """Return the folder of a published version; raises VersionMissing."""
        folder = self.place(number)
        if not folder.is_dir():
            raise VersionMissing(f"Version {number} is not in the checkpoint store {self.root}.")
        return folder

    def has(self, number: int) -> bool:
        """Tell whether a version is published."""
        return self.place(number).is_dir()

    def location(self, number: int) -> str:
        """Return where a version lies, which need not exist, for people to read."""
        return str(self.place(number))

    def number_of(self, folder: Path) -> int | None:
        """Return the number of the version whose folder that is, or None."""
        known = folder.parent == self.root and folder.name.isdigit() and folder.is_dir()
        return int(folder.name) if known else None

    def read(self, manifest: Manifest, name: str) -> bytes | None:
        """Return a small file of a version, or None if it has none of that name; raises VersionMissing."""
        path = self.folder(manifest.number) / name
        return path.read_bytes() if path.is_file() else None

    def manifest(self, number: int) -> Manifest:
        """Return the manifest of a published version; raises VersionMissing or VersionDamaged."""
        manifest = Manifest.read(self.folder(number))
        if manifest.number != number:
            raise VersionDamaged(f"The folder of version {number} holds version {manifest.number}.")
        return manifest

    def verify(self, number: int) -> Manifest:
        """Compare every file of a version with the manifest; raises VersionDamaged if one differs."""
        manifest = self.manifest(number)
        found = hash_folder(self.folder(number))
        for name in sorted(set(manifest.files) | set(found)):
            if found.get(name) != manifest.files.get(name):
                problem = "is missing" if name not in found else "differs from its manifest"
                raise VersionDamaged(f"Version {number} is damaged: {name} {problem}.")
        return manifest

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """Yield a fresh hidden folder to build a version in; what is left in it at the end is removed.

        Folders that dead processes left are removed, too; a lock file beside each folder shows whether its process
        lives.
        """
        staging = self.root / _STAGING
        try:
            make_folders(staging)
            _remove_abandoned(staging)
            descriptor, name = tempfile.mkstemp(dir=staging, prefix=_STAGE_PREFIX, suffix=_LOCK_SUFFIX)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            folder = Path(name.removesuffix(_LOCK_SUFFIX))
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise StoreError(f"The checkpoint store {self.root} cannot be written to: {error.strerror}.") from None
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(name).unlink(missing_ok=True)
            os.close(descriptor)

    def run_folder(self, name: str) -> Path:
        """Return the folder from which the run called `name` can resume after its worker died; it may not exist."""
        return self.root / _STAGING / f"{_RUN_PREFIX}{name}"

    def remove_run_folders(self, pattern: str, keep: str | None = None, older_than: float = 0.0) -> None:
        """Remove the folders of runs whose names match the glob `pattern`, except that of the run called `keep`.

        Folders that were changed in the last `older_than` seconds, or that a process has locked, stay.
        """
        for folder in (self.root / _STAGING).glob(f"{_RUN_PREFIX}{pattern}"):
            with suppress(FileNotFoundError):
                if folder != self.run_folder(keep or "") and folder.stat().st_mtime <= time.time() - older_than:
                    remove_unless_locked(folder)

    def seal(self, staged: Path, manifest: Manifest) -> Manifest:
        """Write the manifest, with every file's hash, into the staged folder and flush all of it to the disk."""
        complete = replace(manifest, files=hash_folder(staged))
        (staged / MANIFEST_NAME).write_text(complete.to_json(), encoding="utf-8")
        staged.chmod(0o755)  # complete, so that others may read it
        flush_all(staged)
        return complete

    def publish(self, staged: Path, number: int) -> None:
        """Make the sealed folder version `number`, atomically; raises VersionExists if the number is taken."""
        try:
            # Renaming onto a folder that is not empty fails, so two publishers can never share a number.
            staged.rename(self.place(number))
        except OSError:
            if self.place(number).exists():
                raise VersionExists(f"Version {number} is published already.") from None
            raise
        flush(self.root)

    def remove(self, number: int) -> None:
        """Remove a published version, at once for every reader, and free its space; raises VersionMissing.

        If the process dies halfway, the next `stage` removes the rest.
        """
        with self.stage() as aside:
            self.folder(number).rename(aside / f"{number:06d}")
            flush(self.root)  # before anything in it is removed

    def hold_only(self, numbers: Collection[int]) -> None:
        """Do nothing: a folder keeps every version, whether it is used or not."""

    def let_go(self, number: int) -> None:
        """Do nothing: this is the only place where a folder has a version."""

    def tidy(self) -> None:
        """Remove the staged folders that dead processes left."""
        _remove_abandoned(self.root / _STAGING)

    def next_number(self, at_least: int = 1) -> int:
        """Return the lowest number above every published one, and not below `at_least`."""
        return max([at_least - 1, *self.numbers()]) + 1

    def find_run(self, key: str) -> Manifest | None:
        """Return the manifest of the version that the run of that key published last, or None."""
        for number in reversed(self.numbers()):
            try:
                manifest = self.manifest(number)
            except VersionDamaged:
                continue  # a damaged version must not stop others from being found
            if manifest.run_key == key:
                return manifest
        return None

    def place(self, number: int) -> Path:
        """Return the path of a version of that number, which need not exist."""
        return self.root / f"{number:06d}"


def _remove_abandoned(staging: Path) -> None:
    """Remove the staged folders whose lock no process holds."""
    for folder in staging.glob(f"{_STAGE_PREFIX}*"):
        if folder.suffix == _LOCK_SUFFIX:
            continue
        lock = folder.with_suffix(_LOCK_SUFFIX)
        with lock.open("w") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
