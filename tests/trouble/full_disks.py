"""Disks that are full: a database that may not grow, and a small file system of one's own."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from app.config import PROJECT_ROOT
from tests.processes import environment


@contextmanager
def full(engine: Engine) -> Iterator[None]:
    """Let the SQLite database of an engine grow by nothing: what fits into its pages still does."""

    def limit(connection: Any, _record: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}").close()

    engine.dispose()
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        connection.execute("VACUUM")  # nor are there pages that are free
    event.listen(engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        engine.dispose()


@cache
def small_disks_are_possible() -> bool:
    """Whether this user may mount a file system in memory where nobody else sees it."""
    if shutil.which("unshare") is None:
        return False
    mounting = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(mounting, capture_output=True, check=False).returncode == 0


def run_on_small_disk(folder: Path, size: str, code: str, arguments: Sequence[str] = ()) -> str:
    """Run Python code for which `folder` is an empty disk of that size; returns what it printed."""
    script = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'
    command = [sys.executable, "-c", code, str(folder), *arguments]
    ended = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", size, str(folder), *command],
        cwd=PROJECT_ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
