"""Secrets that are kept in a file: written whole or not at all, and read by nobody else."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

FEWEST_CHARACTERS = 32


def kept_secret(path: Path) -> str:
    """Return the secret in `path`; created once, with mode 600, so that parallel starts share one.

    It comes to be with its content on the disk: no crash leaves a part of it. Raises OSError. What is returned may be
    damaged by others: too short (FEWEST_CHARACTERS) for a secret.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text().strip()
