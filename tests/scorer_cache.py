"""One cache of prepared scorers for all tests: unpacking the language model takes ten seconds each time."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

CACHE = Path(tempfile.gettempdir()) / f"mellow-test-cache-{os.getuid()}"


def share_cache(home: Path) -> None:
    """Let the `MELLOW_HOME` at `home` use the cache of all tests."""
    CACHE.mkdir(mode=0o700, exist_ok=True)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (home / "cache").exists():
        (home / "cache").symlink_to(CACHE, target_is_directory=True)
