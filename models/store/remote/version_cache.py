"""Versions of an object store on the disk of one machine, for all of its processes, in bounded space.

    000002/              a version as a folder store has it; when it was last asked for is its time of change
    .fetching/000003-9f… what has arrived of a version so far; whoever asks for it next goes on from there
    .filling             locked by the process that makes room or fetches: one at a time

A process holds a shared lock on the folder of each version that it uses, which ends with the process at the latest.
Whoever needs room removes the versions that were not asked for longest, and none that is locked.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from models.model_errors import StoreError, VersionDamaged
from models.store.disk import flush, flush_all, make_folders
from models.store.manifest import MANIFEST_NAME, Manifest

log = logging.getLogger(__name__)

_FETCHING = ".fetching"
_LOCK = ".filling"
_LEAVING = ".leaving-"
PASSING_SECONDS = 600.0
"""A process that goes on without a version still holds it so long, for whatever is reading it."""


@dataclass
class _Hold:
    """A version that this process uses: the open folder that carries the lock, and when it was last asked for."""

    descriptor: int
    asked_at: float


class VersionCache:
    """Versions below `root`, in at most `room` bytes."""

    def __init__(self, root: Path, room: int) -> None:
        self._root = root
        self._room = room
        self._holds: dict[int, _Hold] = {}
        self._lock = threading.Lock()

    def folder(self, manifest: Manifest, size: int, fetch: Callable[[Path], None]) -> Path:
        """Return the folder of a version, which this process holds from now on.

        If it is not here, `fetch` fills a folder with its files, `size` bytes in all, where some may be already. Raises
        StoreError if there is no room for them, and what `fetch` raises.
        """
        with self._filling():
            held = self.held(manifest)
            if held is not None:
                return held
            if not self._remove(manifest.number):
                raise StoreError(f"Another version {manifest.number} is in use in {self._root}: end what uses it.")
            draft = self._root / _FETCHING / str(manifest.upload)
            self._make_room(size, draft)
            make_folders(draft)
            fetch(draft)
            (draft / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")
            flush_all(draft)
            self._put(draft, manifest.number)
            return self._held_now(manifest)

    def held(self, manifest: Manifest) -> Path | None:
        """Return the folder of a version, which this process holds from now on, or None if it is not here."""
        place = self._place(manifest.number)
        with self._lock:
            hold = self._holds.get(manifest.number)
            if hold is None or not _is_open_at(hold.descriptor, place):
                self._let_go(manifest.number)
                descriptor = _open_locked(place)
                if descriptor is None:
                    return None
                hold = self._holds[manifest.number] = _Hold(descriptor, 0.0)
            if not _is_of(place, manifest):
                self._let_go(manifest.number)
                return None
            hold.asked_at = time.monotonic()
            os.utime(hold.descriptor)
            return place

    def adopt(self, staged: Path, manifest: Manifest) -> None:
        """Take over the sealed folder of a version that was just published, if there is room and nobody fetches.

        The version is published all the same if that fails, so nothing is raised.
        """
        with suppress(StoreError, OSError), self._filling(wait=False):
            if self._remove(manifest.number):
                self._make_room(_bytes_below(staged))
                self._put(staged, manifest.number)

    def hold_only(self, numbers: Collection[int]) -> None:
        """Let go of every other version that this process has not asked for lately."""
        long_ago = time.monotonic() - PASSING_SECONDS
        with self._lock:
            for number, hold in list(self._holds.items()):
                if number not in numbers and hold.asked_at < long_ago:
                    self._let_go(number)

    def remove_unused(self, numbers: Collection[int]) -> None:
        """Remove those of the versions `numbers` that no process uses."""
        for number in numbers:
            self._remove(number)

    def remove(self, number: int) -> None:
        """Remove a version that this process needs no more, unless another one uses it."""
        with self._lock:
            self._let_go(number)
        self._remove(number)

    def numbers(self) -> list[int]:
        """Return the numbers of the versions that are here, ascending."""
        if not self._root.is_dir():
            return []
        return sorted(int(path.name) for path in self._root.iterdir() if path.name.isdigit())

    def _held_now(self, manifest: Manifest) -> Path:
        held = self.held(manifest)
        if held is None:
            raise StoreError(f"Version {manifest.number} left the cache {self._root} as soon as it had arrived.")
        return held

    @contextmanager
    def _filling(self, *, wait: bool = True) -> Iterator[None]:
        """Keep every other process and thread from making room or fetching; raises BlockingIOError without `wait`."""
        make_folders(self._root)
        with (self._root / _LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield

    def _make_room(self, size: int, draft: Path | None = None) -> None:
        """Remove what is needed least until `size` bytes fit, in which what has arrived in `draft` is counted already.

        First go those that arrived in part, then the versions that were not asked for longest.
        """
        for left in self._root.glob(f"{_LEAVING}*"):
            shutil.rmtree(left, ignore_errors=True)
        parts = [part for part in (self._root / _FETCHING).glob("*") if part != draft]
        places = [*parts, *sorted(map(self._place, self.numbers()), key=_asked_at)]
        used = {place: _bytes_below(place) for place in places}
        for place in places:
            if sum(used.values()) + size <= self._room:
                return
            if place in parts:
                shutil.rmtree(place, ignore_errors=True)
            elif not self._remove(int(place.name)):
                continue
            del used[place]
        if sum(used.values()) + size > self._room:
            raise StoreError(
                f"A version of {_gigabytes(size)} does not fit into the cache {self._root}, of which "
                f"{_gigabytes(sum(used.values()))} of {_gigabytes(self._room)} are in use: raise MELLOW_STORE_CACHE_GB."
            )

    def _put(self, folder: Path, number: int) -> None:
        folder.rename(self._place(number))
        flush(self._root)

    def _remove(self, number: int) -> bool:
        """Remove a version, at once for everybody; False if a process uses it."""
        place = self._place(number)
        descriptor = _open_locked(place, exclusively=True)
        if descriptor is None:
            return not place.exists()
        try:
            leaving = self._root / f"{_LEAVING}{place.name}-{os.getpid()}-{time.monotonic_ns()}"
            place.rename(leaving)
        finally:
            os.close(descriptor)
        shutil.rmtree(leaving, ignore_errors=True)
        log.info("Version %d left the cache %s.", number, self._root)
        return True

    def _let_go(self, number: int) -> None:
        hold = self._holds.pop(number, None)
        if hold is not None:
            os.close(hold.descriptor)

    def _place(self, number: int) -> Path:
        return self._root / f"{number:06d}"


def _open_locked(folder: Path, *, exclusively: bool = False) -> int | None:
    """Open and lock a folder; None if there is none, or if somebody has locked it so that it cannot be shared."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusively else fcntl.LOCK_SH)
        if _is_open_at(descriptor, folder):
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _is_open_at(descriptor: int, folder: Path) -> bool:
    """Tell whether an open folder still has that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def _is_of(folder: Path, manifest: Manifest) -> bool:
    """Tell whether a folder is of that very version, and not of another one that once had its number."""
    try:
        return Manifest.read(folder) == manifest
    except VersionDamaged:
        return False


def _asked_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _gigabytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GB"
