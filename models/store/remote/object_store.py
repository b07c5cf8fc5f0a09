"""The checkpoint store in an object store, where nothing can be renamed and anything can be cut off.

    versions/000002.json                      the manifest: a version is there exactly while this object is
    files/000002-9f…/model/model.safetensors  its files, in a folder that one publisher alone writes to
    uploads/3f…a1.tsv                         uploaded training data (uploads.py)
    backups/mellow-….zip                      copies of the database (app/services/system/stored_backups.py)

A version is staged on the disk; its files are uploaded, and then its manifest is written under the condition that there
is none of that number. Whoever wants a version fetches it into the cache of the machine (version_cache.py).
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from models.model_errors import StoreAway, StoreError, VersionDamaged, VersionExists, VersionMissing
from models.store.manifest import MANIFEST_NAME, Manifest
from models.store.remote.abandoned import remove_abandoned
from models.store.remote.bucket import Bucket
from models.store.remote.fetching import fetch
from models.store.remote.object_uploads import ObjectUploads
from models.store.remote.version_cache import VersionCache
from models.store.store import CheckpointStore

log = logging.getLogger(__name__)

VERSIONS = "versions"
FILES = "files"
TIDY_SECONDS = 600.0
_READS_AT_ONCE = 16


class ObjectStore(CheckpointStore):
    """Versions as objects of a bucket; `root` is where this machine stages them and keeps those that it uses."""

    def __init__(self, root: Path, bucket: Bucket, room: int) -> None:
        super().__init__(root)
        self._bucket = bucket
        self._cache = VersionCache(root, room)
        self._unpublished: dict[Path, Manifest] = {}
        self._published: dict[Path, Manifest] = {}
        self._tidied_at: float | None = None

    @property
    def uploads(self) -> ObjectUploads:
        """Return the uploaded training data."""
        return ObjectUploads(self._bucket)

    def numbers(self) -> list[int]:
        """Return the numbers of all published versions, ascending; raises StoreAway, and keeps it as `trouble`."""
        try:
            found = self._bucket.below(VERSIONS)
        except StoreAway as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        names = (Path(one.name) for one in found)
        return sorted(int(name.stem) for name in names if name.stem.isdigit() and name.suffix == ".json")

    def has(self, number: int) -> bool:
        """Tell whether a version is published; raises StoreAway."""
        return self._bucket.read(_key(number)) is not None

    def location(self, number: int) -> str:
        """Return the address of the manifest of a version, which need not exist."""
        return f"{self._bucket.address}/{_key(number)}"

    def folder(self, number: int) -> Path:
        """Return the folder of a published version on this machine, fetched if it is not here.

        It stays at least as long as this process, or until `hold_only` lets go of it. Raises VersionMissing,
        VersionDamaged if it arrives otherwise than its manifest says, StoreAway, and StoreError if there is no room.
        """
        manifest = self.manifest(number)
        held = self._cache.held(manifest)
        if held is not None:
            return held
        sizes = self._sizes(manifest)
        return self._cache.folder(manifest, sum(sizes.values()), partial(fetch, self._bucket, manifest, sizes))

    def manifest(self, number: int) -> Manifest:
        """Return the manifest of a published version; that of the cache while the store does not answer.

        Raises VersionMissing, VersionDamaged or StoreAway.
        """
        try:
            return self._manifest(number)
        except StoreAway as error:
            if not self.place(number).is_dir():
                raise
            log.warning("%s Version %d is taken from the cache.", error, number)
            return Manifest.read(self.place(number))

    def read(self, manifest: Manifest, name: str) -> bytes | None:
        """Return a small file of a version, or None if it has none of that name; raises StoreAway."""
        if name not in manifest.files:
            return None
        held = self._cache.held(manifest)
        return (held / name).read_bytes() if held else self._bucket.read(_file(manifest, name))

    def verify(self, number: int) -> Manifest:
        """Compare every file of a version with the manifest, and fetch it anew if this disk has damaged it."""
        try:
            return super().verify(number)
        except VersionDamaged as error:
            log.warning("%s It is fetched anew.", error)
            self._cache.remove(number)
        return super().verify(number)

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """Yield a fresh hidden folder of this machine to build a version in; at the end it becomes part of the cache.

        If it was not published, it is removed with all that was uploaded of it. Raises StoreAway before anything is
        built.
        """
        self.tidy()
        with super().stage() as staged:
            try:
                yield staged
            finally:
                self._withdraw(staged)
                if (manifest := self._published.pop(staged, None)) is not None:
                    self._cache.adopt(staged, manifest)

    def seal(self, staged: Path, manifest: Manifest) -> Manifest:
        """Write the manifest, with every file's hash, into the staged folder, and upload all files; raises StoreAway.

        Where a number turned out to be taken, this is called again with the next one.
        """
        self._withdraw(staged)
        upload = f"{manifest.number:06d}-{secrets.token_hex(8)}"
        complete = self._unpublished[staged] = super().seal(staged, replace(manifest, upload=upload))
        for name in complete.files:
            self._bucket.write(_file(complete, name), staged / name)
        arrived, sent = self._sizes(complete), {name: (staged / name).stat().st_size for name in complete.files}
        if arrived != sent:
            raise StoreAway(f"What was uploaded of version {manifest.number} did not all arrive.")
        return complete

    def publish(self, staged: Path, number: int) -> None:
        """Make the sealed folder version `number` by writing its manifest; raises VersionExists if it is taken.

        After StoreAway it may be published or not, and trying once more finds out: until then its files stay. Repeating
        it for what is published does no harm.
        """
        body = (staged / MANIFEST_NAME).read_bytes()
        manifest = Manifest.parse(body.decode(), self.location(number))
        self._unpublished.pop(staged, None)
        if not self._bucket.create(_key(number), body):
            self._unpublished[staged] = manifest
            raise VersionExists(f"Version {number} is published already.")
        self._published[staged] = manifest

    def remove(self, number: int) -> None:
        """Remove a published version, at once for every reader, and free its space; raises VersionMissing, StoreAway.

        Other machines' caches drop it when they are tidied. If the process dies halfway, `tidy` removes the rest.
        """
        upload = None
        with suppress(VersionDamaged):
            upload = self._manifest(number).upload
        self._bucket.remove([_key(number)])
        if upload is not None:
            self._remove_files(upload)
        self._cache.remove(number)

    def find_run(self, key: str) -> Manifest | None:
        """Return the manifest of the version that the run of that key published last, or None; raises StoreAway."""
        with ThreadPoolExecutor(_READS_AT_ONCE) as readers:
            found = readers.map(self._manifest_if_whole, reversed(self.numbers()))
            return next((manifest for manifest in found if manifest is not None and manifest.run_key == key), None)

    def number_of(self, folder: Path) -> int | None:
        """Return the number of the version whose folder on this machine that is, or None; raises StoreAway."""
        number = super().number_of(folder)
        return number if number in self.numbers() else None

    def hold_only(self, numbers: Collection[int]) -> None:
        """Let other versions leave the cache, unless this process has asked for them lately."""
        self._cache.hold_only(numbers)

    def let_go(self, number: int) -> None:
        """Remove a version from this machine's disk, unless another process uses it."""
        self._cache.remove(number)

    def tidy(self) -> None:
        """Drop from the cache what is no longer published, and from the store what dead publishers have left.

        It is done once in a while, however often it is called; raises StoreAway.
        """
        if self._tidied_at is not None and time.monotonic() < self._tidied_at + TIDY_SECONDS:
            return
        super().tidy()
        cached = self._cache.numbers()  # listed first: what is published meanwhile and then cached must stay
        published = self.numbers()
        self._cache.remove_unused(set(cached).difference(published))
        remove_abandoned(self._bucket, FILES, published, self._is_published, self._remove_files)
        self._tidied_at = time.monotonic()

    def _manifest(self, number: int) -> Manifest:
        body = self._bucket.read(_key(number))
        if body is None:
            raise VersionMissing(f"Version {number} is not in the checkpoint store {self._bucket.address}.")
        manifest = Manifest.parse(body.decode(errors="replace"), self.location(number))
        if manifest.number != number or manifest.upload is None:
            raise VersionDamaged(f"The manifest of version {number} is of version {manifest.number} elsewhere.")
        return manifest

    def _manifest_if_whole(self, number: int) -> Manifest | None:
        try:
            return self._manifest(number)
        except (VersionDamaged, VersionMissing):
            return None  # damaged, or removed since it was listed

    def _is_published(self, number: int, upload: str) -> bool:
        try:
            return self._manifest(number).upload == upload
        except VersionMissing:
            return False
        except VersionDamaged:
            return True  # nothing is removed on its word

    def _sizes(self, manifest: Manifest) -> Mapping[str, int]:
        """Return the sizes of the files of a version that are in the store; raises VersionDamaged if one is missing."""
        folder = f"{FILES}/{manifest.upload}"
        sizes = {one.name.removeprefix(f"{folder}/"): one.size for one in self._bucket.below(folder)}
        for name in manifest.files:
            if name not in sizes:
                raise VersionDamaged(f"Version {manifest.number} is damaged: {name} is missing.")
        return {name: sizes[name] for name in manifest.files}

    def _withdraw(self, staged: Path) -> None:
        """Remove what was uploaded of a staged folder, unless it was published or may have been."""
        manifest = self._unpublished.pop(staged, None)
        if manifest is not None and manifest.upload is not None:
            try:
                self._remove_files(manifest.upload)
            except StoreError as error:
                log.warning("What was uploaded in vain is removed in a day: %s", error)

    def _remove_files(self, upload: str) -> None:
        self._bucket.remove([one.name for one in self._bucket.below(f"{FILES}/{upload}")])


def _key(number: int) -> str:
    return f"{VERSIONS}/{number:06d}.json"


def _file(manifest: Manifest, name: str) -> str:
    return f"{FILES}/{manifest.upload}/{name}"
