"""Secrets that are kept in a file: written whole or not at all, and read by nobody else."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

FEWEST_CHARACTERS = 32


def kept_secret(path: Path) -> str:
    """Return the secret in `path`, drawn and kept there if there is none; parallel starts share one. Raises OSError.

    What is returned may be damaged by others: too short (FEWEST_CHARACTERS) for a secret.
    """
    if not path.exists():
        keep_secret(path, secrets.token_hex(32))
    return path.read_text().strip()


def keep_secret(path: Path, secret: str) -> None:
    """Write a secret to `path`, with mode 600, unless there is a file already; raises OSError.

    It comes to be with its content on the disk: no crash leaves a part of it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
