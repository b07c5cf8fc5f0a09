"""What makes SQLite quicker in a test process: statements are compiled once, and commits do not wait for the disk.

SQLAlchemy keeps what it compiles by engine and dialect, and each test has new ones: a fifth of the time of a short test
was compiling what the test before had compiled. Each of a test's dozen commits would wait for milliseconds, and nothing
here has to survive a power failure. The programs that tests start wait as they always do.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from app.db import ENGINE_OPTIONS

durable = False
"""Whether commits to databases that are opened from now on wait all the same."""


class OneDialect(SQLiteDialect_pysqlite):
    """SQLite's dialect, equal to all others of its kind: they have the same options."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneDialect)

    def __hash__(self) -> int:
        return hash(OneDialect)


def begin() -> None:
    """Let all engines on SQLite that are made from now on with Mellow's options be quick."""
    registry.register("sqlite", __name__, OneDialect.__name__)
    ENGINE_OPTIONS["execution_options"] = {"compiled_cache": {}}
    event.listen(Engine, "connect", _do_not_wait)  # after app.db.engine, whose setting this overrules


def _do_not_wait(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection) and not durable:
        connection.execute("PRAGMA synchronous=OFF").close()
