"""What every connection and every transaction of Mellow has in common, in the web processes and in the worker.

SQLite runs in WAL mode with ``synchronous=FULL``: once a commit returns, the row is on the disk and survives
``kill -9`` and power loss. A transaction that will write says so when it begins (``write_transaction``): in SQLite a
read snapshot that turns into a write can fail at once with "database is locked", whatever the busy timeout, while
``BEGIN IMMEDIATE`` waits its turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection as SQLiteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

BUSY_TIMEOUT_MS = 15_000
WRITES = "mellow_writes"  # the execution option that begins a writing transaction

# A connection that PostgreSQL has closed is found before it is used; each of a web process's 16 threads can have one.
ENGINE_OPTIONS: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 16, "max_overflow": 4}


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    if not isinstance(connection, SQLiteConnection):
        return
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def write_transaction(session: Session) -> Iterator[None]:
    """Run the block as one transaction that may write; commit at its end, roll back if it raises.

    The session's running transaction is committed first, so the block reads the newest state.
    """
    session.commit()
    session.connection(execution_options={WRITES: True})
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


def make_sessions(database_url: str) -> sessionmaker[Session]:
    """A session factory of its own engine, for processes and threads outside a web request."""
    return sessionmaker(create_engine(database_url, **ENGINE_OPTIONS))
