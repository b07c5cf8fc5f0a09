"""Writing that survives a power cut: content is flushed before it gets its name, and names before they are relied on.

A file system may lose any content that was not flushed, and any entry of a folder that was not flushed, each for
itself: a renamed file can be there and empty.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_SAID = ("No space left on device", "Disk quota exceeded", "iostream error")  # the last is what torch.save says


def flush(path: Path) -> None:
    """Flush the content of a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(folder: Path) -> None:
    """Flush everything below a folder, and the folder itself."""
    for path in folder.rglob("*"):
        flush(path)
    flush(folder)


def replace(draft: Path, path: Path) -> None:
    """Give a flushed draft in the same folder its name, atomically and for good; raises OSError."""
    os.replace(draft, path)
    flush(path.parent)


def make_folders(folder: Path) -> None:
    """Create a folder and those above it, for good, where they are missing; raises OSError."""
    if folder.is_dir():
        return
    if not folder.parent.exists():
        make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    flush(folder.parent)


def is_full(error: BaseException) -> bool:
    """Tell whether an error, or one that it came from, says that the disk or somebody's share of it is full.

    Libraries that write with other languages, such as safetensors, tell it in words only.
    """
    return any(
        one.errno in _FULL if isinstance(one, OSError) and one.errno else any(said in str(one) for said in _SAID)
        for one in causes(error)
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, the one that it came from, and so on."""
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen:
        seen.add(id(here))
        yield here
        here = here.__cause__ or here.__context__


def has_room(folder: Path, margin: int) -> bool:
    """Tell whether the disk of a folder, which may not exist yet, has that many bytes and a name free."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    found = os.statvfs(existing)
    return found.f_bavail * found.f_frsize >= margin and (found.f_files == 0 or found.f_favail > 0)
