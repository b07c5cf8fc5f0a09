"""Share compiled SQL among the applications of one test process, each of which has an engine of its own.

SQLAlchemy keeps what it compiles by engine and dialect, and each test has new ones: a fifth of the time of a short test
was compiling what the test before had compiled.
"""

from __future__ import annotations

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from app.db import ENGINE_OPTIONS


class OneDialect(SQLiteDialect_pysqlite):
    """SQLite's dialect, equal to all others of its kind: they have the same options."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneDialect)

    def __hash__(self) -> int:
        return hash(OneDialect)


def share() -> None:
    """Let all engines on SQLite that are made from now on with Mellow's options share their compiled statements."""
    registry.register("sqlite", __name__, OneDialect.__name__)
    ENGINE_OPTIONS["execution_options"] = {"compiled_cache": {}}
