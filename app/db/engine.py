"""Connections and transactions of Mellow, the same in the web processes and in the worker.

SQLite runs in WAL mode with ``synchronous=FULL``: once a commit returns, the row is on the disk and survives
``kill -9`` and power loss. What is deleted is overwritten (``secure_delete``). A transaction that will write is begun
as such (``write_transaction``): in SQLite a read transaction that turns into a write can fail at once with "database is
locked", whatever the busy timeout, while ``BEGIN IMMEDIATE`` waits its turn.

SQLite lets one transaction write at a time. Its own way to wait is to sleep for up to a tenth of a second between
attempts, in no fair order: under load some wait for seconds. Here the threads of a process queue for a lock, and only
the one that holds it tries, every half millisecond, whether another process still writes.

A connection to PostgreSQL may be gone since it was last used, so it is asked before it is used again. That takes as
long as a statement of a click, so one that was given back within the last second is taken as it is. Once one is lost,
all that were used before are asked.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker

from app.db.holds import FUNCTION, holds_in_lower_case

BUSY_TIMEOUT_MS = 15_000
EMPTYING_MS = 1_000
LOOK_SECONDS = 0.0005
KNOWN_SECONDS = 1.0
_RETURNED = "mellow_returned"  # when a connection was last given back
_lost = {"at": 0.0}
WRITES = "mellow_writes"  # the execution option that begins a writing transaction
_turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
# A forked process inherits the locks, but not the threads that would release them.
os.register_at_fork(after_in_child=_turns.clear)

# Each of a web process's threads can have a connection, and a second while it streams, and so can what runs beside the
# requests. The one used last is used next: it knows the statements already.
ENGINE_OPTIONS: dict[str, Any] = {"pool_use_lifo": True, "pool_size": 16, "max_overflow": 24}


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # the driver must not begin transactions by itself
    connection.create_function(FUNCTION, 2, holds_in_lower_case, deterministic=True)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


@event.listens_for(Engine, "checkin")
def _note_use(_connection: Any, record: Any) -> None:
    record.info[_RETURNED] = time.monotonic()


@event.listens_for(Engine, "invalidate")
def _note_loss(_connection: Any, _record: Any, _error: BaseException | None) -> None:
    _lost["at"] = time.monotonic()


@event.listens_for(Engine, "checkout")
def _ask(connection: Any, record: Any, _proxy: Any) -> None:
    """Let the pool replace a connection that does not answer any more; a new one is not asked."""
    returned = record.info.get(_RETURNED)
    if returned is None or isinstance(connection, sqlite3.Connection):
        return
    if returned > _lost["at"] and time.monotonic() - returned < KNOWN_SECONDS:
        return
    try:
        connection.autocommit = True
        connection.execute("SELECT 1")
        connection.autocommit = False
    except connection.Error as error:
        raise InvalidatePoolError from error


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    if connection.get_execution_options().get(WRITES, False):
        _begin_writing(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    """Begin once no other process writes, trying often; raises "database is locked" after the busy timeout."""
    raw: Any = connection.connection.dbapi_connection
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    raw.execute("PRAGMA busy_timeout=0").close()
    try:
        while time.monotonic() < deadline:
            try:
                raw.execute("BEGIN IMMEDIATE").close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break  # raised again below, as an exception of SQLAlchemy
                time.sleep(LOOK_SECONDS)
            else:
                return
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def turn_to_write(engine: Engine | Connection) -> Iterator[None]:
    """Keep the other threads of this process from writing to the same SQLite database meanwhile, if it is one.

    After the busy timeout the block runs without the lock, and the database decides.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turns[str(engine.engine.url)]
    held = turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
    try:
        yield
    finally:
        if held:
            turn.release()


@contextmanager
def write_transaction(session: Session) -> Iterator[None]:
    """Run the block as one transaction that may write; commit at its end, roll back if it raises.

    The session's running transaction is committed first, so the block reads the newest state.
    """
    session.commit()
    with turn_to_write(session.get_bind()):
        session.connection(execution_options={WRITES: True})
        try:
            yield
            session.commit()
        except BaseException:
            session.rollback()
            raise


def empty_log(engine: Engine) -> bool:
    """Write what SQLite's log holds into the database and empty it; False if somebody still reads an older state.

    Others can write meanwhile at most EMPTYING_MS later. On any other database nothing is done.
    """
    if engine.dialect.name != "sqlite":
        return True
    with turn_to_write(engine), closing(engine.raw_connection()) as connection:
        raw: Any = connection.driver_connection
        raw.execute(f"PRAGMA busy_timeout={EMPTYING_MS}").close()
        try:
            [(busy, *_)] = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()
    return not busy


def make_sessions(database_url: str) -> sessionmaker[Session]:
    """Return a session factory with its own engine, for processes and threads outside a web request."""
    return sessionmaker(create_engine(database_url, **ENGINE_OPTIONS))
