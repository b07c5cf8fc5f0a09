"""Runs the migrations on the application's database: SQLite or PostgreSQL, in one transaction each time.

Either all outstanding migrations happen or none; a second process that starts at the same moment waits its turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection, DateTime, func, select

from app.db import Base, Turn
from app.db.base import UTCDateTime
from app.db.engine import WRITES


def _render_item(kind: str, item: object, _autogen: Any) -> str | Literal[False]:
    """Write our own column types as what they are to the database."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return f"sa.{DateTime(timezone=True)!r}"
    return False


def _run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect().execution_options(**{WRITES: True}) as connection, _tables_may_be_copied(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=_render_item,
        )
        with context.begin_transaction():
            _wait_for_others(connection)
            context.run_migrations()
            _check_references(connection)


def _wait_for_others(connection: Connection) -> None:
    """Let only one migrate at a time; on SQLite only one writes anyhow."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(int(Turn.MIGRATIONS))))


@contextmanager
def _tables_may_be_copied(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by a copy of it, and would refuse to drop the old one while rows refer to it."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    raw.execute("PRAGMA foreign_keys=OFF").close()  # possible outside a transaction only
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON").close()


def _check_references(connection: Connection) -> None:
    """What SQLite would have checked meanwhile, before anything is committed."""
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise RuntimeError(f"A migration left rows that refer to nothing: {broken[:5]}.")


if context.is_offline_mode():
    raise SystemExit("Migrations run on a database only: set DATABASE_URL.")
_run()
