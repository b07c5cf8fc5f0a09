"""A disk that loses what was not flushed: every state in which a power cut may leave a folder.

While a folder is watched, the content of each file and the entries of each folder are known as they were last flushed
(os.fsync). Before each flush, renaming, making and removal, and at the end, `survives` looks at the folder as a power
cut at that moment may leave it: without anything that was not flushed, with all names but no content that was not
flushed, and with the unflushed names of one folder alone. A file system may do any of these.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Number = int
"""Of an inode: what a file or folder is, whatever its name."""


class PowerCuts:
    """The states in which power cuts may leave the folder `top`, whose present content is on the disk for good."""

    def __init__(self, top: Path, survives: Callable[[Path], None]) -> None:
        self.top, self._survives = top, survives
        self._seen: set[str] = set()
        self._contents: dict[Number, bytes] = {}
        self._entries: dict[Number, dict[str, Number]] = {}
        self._modes: dict[Number, int] = {}
        self._held: list[int] = []  # open, so that no number is used again
        self._looking = False

    @contextmanager
    def watched(self) -> Iterator[PowerCuts]:
        """Look before each call within the block that changes the disk, and after the block."""
        for path in (self.top, *self.top.rglob("*")):
            self._flushed(path)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("fsync", "rename", "replace", "unlink", "remove", "rmdir", "mkdir", "link"):
                patch.setattr(os, name, self._looked_before(getattr(os, name), is_flush=name == "fsync"))
            yield self
        self.look()
        for descriptor in self._held:
            os.close(descriptor)

    def look(self) -> None:
        """Have `survives` look at each state in which a power cut may leave the folder now."""
        self._seen.clear()
        self._look()

    def _looked_before(self, call: Callable[..., Any], *, is_flush: bool) -> Callable[..., Any]:
        def looked(*arguments: Any, **named: Any) -> Any:
            if self._looking:
                return call(*arguments, **named)
            self._look()
            result = call(*arguments, **named)
            if is_flush:
                self._flushed(Path(os.readlink(f"/proc/self/fd/{arguments[0]}")))
            return result

        return looked

    def _flushed(self, path: Path) -> None:
        self._held.append(os.open(path, os.O_RDONLY))
        found = path.stat()
        self._modes[found.st_ino] = stat.S_IMODE(found.st_mode)
        if path.is_dir():
            self._entries[found.st_ino] = _listed(path)
        else:
            self._contents[found.st_ino] = path.read_bytes()

    def _look(self) -> None:
        self._looking = True
        try:
            now = {path.stat().st_ino: path for path in (self.top, *self.top.rglob("*"))}
            unflushed = [
                number
                for number, path in now.items()
                if path.is_dir() and _listed(path) != self._entries.get(number, {})
            ]
            for named in ((), tuple(unflushed), *((number,) for number in unflushed)):
                state = self._state(self.top.stat().st_ino, now, named)
                if repr(state) not in self._seen:
                    self._seen.add(repr(state))
                    with tempfile.TemporaryDirectory() as folder:
                        state.write(Path(folder) / "state")
                        self._survives(Path(folder) / "state")
        finally:
            self._looking = False

    def _state(self, number: Number, now: dict[Number, Path], named: tuple[Number, ...]) -> _Folder:
        """Return a folder with the entries that are on the disk, or those of now if its names were not lost."""
        entries = _listed(now[number]) if number in named else self._entries.get(number, {})
        found: dict[str, bytes | _Folder] = {}
        for name, entry in entries.items():
            is_folder = entry in self._entries or (entry in now and now[entry].is_dir())
            found[name] = self._state(entry, now, named) if is_folder else self._contents.get(entry, b"")
        return _Folder(found, self._modes.get(number, 0o700))


@dataclass(frozen=True)
class _Folder:
    """A folder as a power cut may leave it."""

    entries: dict[str, bytes | _Folder]
    mode: int

    def write(self, path: Path) -> None:
        path.mkdir()
        for name, entry in self.entries.items():
            if isinstance(entry, bytes):
                (path / name).write_bytes(entry)
            else:
                entry.write(path / name)
        path.chmod(self.mode)


def _listed(folder: Path) -> dict[str, Number]:
    return {one.name: one.stat().st_ino for one in folder.iterdir()}
