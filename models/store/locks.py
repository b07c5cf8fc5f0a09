"""The lock of a run folder: held by the process that trains in it, and released when that process ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TextIO

LOCK_NAME = "lock"


def try_lock(folder: Path) -> TextIO | None:
    """Hold the lock of `folder` until the returned file is closed; None if another process holds it.

    Returns None, too, if the folder was removed. Raises OSError if the folder cannot be written to.
    """
    path = folder / LOCK_NAME
    try:
        file = path.open("a")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


def remove_unless_locked(folder: Path) -> None:
    """Remove `folder`, if it exists and no other process holds its lock."""
    with suppress(OSError):
        lock = try_lock(folder)
        if lock is None:
            return
        with lock:
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name != LOCK_NAME:
                    path.unlink(missing_ok=True)
            shutil.rmtree(folder)  # the lock last, so that no other process starts here before
