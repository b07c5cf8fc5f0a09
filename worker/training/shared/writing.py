"""Atomic writing of files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from models.store.disk import replace


def write_aside(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` atomically and for good; raises OSError if that fails."""
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(number, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            os.fchmod(number, 0o644)
            file.flush()
            os.fsync(number)
        replace(Path(draft), path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Raise OSError if `write_aside` could not write to `path`."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to write {path.name} to.")
    try:
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise PermissionError(f"Nothing can be written to the folder {path.parent}: {error.strerror}.") from None
    os.close(number)
    Path(draft).unlink()


def check_new(path: Path) -> None:
    """Raise OSError if `path` exists already, or if `write_aside` could not write to it."""
    if os.path.lexists(path):
        raise FileExistsError(f"{path} is there already: name another file.")
    check_writable(path)
