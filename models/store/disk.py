"""Writing that survives a power cut: content is flushed before it gets its name, and names before they are relied on.

A file system may lose any content that was not flushed, and any entry of a folder that was not flushed, each for
itself: a renamed file can be there and empty.
"""

from __future__ import annotations

import os
from pathlib import Path


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
