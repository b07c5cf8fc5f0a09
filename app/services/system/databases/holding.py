"""Holding a database still: opened while nobody else uses it, and locked so that nobody changes it meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.db import Base
from app.db.engine import WRITES
from app.domain_errors import Conflict

PATIENCE_MS = 1_000
"""Bounds the wait for a process that is just closing an SQLite database."""

_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()"
)


@contextmanager
def held(url: str, revision: str) -> Iterator[Connection]:
    """Open the database at `url` in one transaction, which is committed at the end of the block.

    Until then nobody else can write to it. Raises Conflict, with a sentence that holds no password, if it does not
    answer, is not at the migration `revision`, or if anybody else has it open, even idle.
    """
    engine = create_engine(url, poolclass=NullPool)
    name = engine.url.render_as_string()
    _check_file(engine.url.database if engine.dialect.name == "sqlite" else None)
    try:
        connection = engine.connect().execution_options(**{WRITES: True})
    except SQLAlchemyError as error:
        raise Conflict(f"The database {name} does not answer: {reason(error)}") from None
    with connection:
        if engine.dialect.name == "sqlite":
            _leave_the_log(connection, name)
        with _begun(connection, name):
            _check_revision(connection, name, revision)
            if engine.dialect.name == "postgresql":
                _lock_tables(connection, name)
            yield connection


def reason(error: BaseException) -> str:
    """Return what a driver says as the end of a sentence: its first line, which holds no values of rows."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return said.splitlines()[0].rstrip(".") + "."


def _check_file(path: str | None) -> None:
    if path is not None and not Path(path).is_file():
        raise Conflict(f"There is no database {path}.")


def _leave_the_log(connection: Connection, name: str) -> None:
    """Bring SQLite out of its write-ahead log, which it allows only if nobody else has the database open.

    Whoever opens it as Mellow does brings it back.
    """
    raw: Any = connection.connection.dbapi_connection
    try:
        raw.execute(f"PRAGMA busy_timeout={PATIENCE_MS}").close()
        raw.execute("PRAGMA journal_mode=DELETE").close()
    except sqlite3.OperationalError as error:
        raise _in_use(name) if _is_busy(error) else Conflict(f"{name} cannot be used: {reason(error)}") from None


@contextmanager
def _begun(connection: Connection, name: str) -> Iterator[None]:
    try:
        transaction = connection.begin()
    except OperationalError as error:
        raise Conflict(f"{name} cannot be used: {reason(error)}") from None
    try:
        with transaction:
            yield
    except SQLAlchemyError as error:  # whose text holds values of rows
        raise Conflict(f"The database failed, and nothing was changed: {reason(error)}") from None


def _check_revision(connection: Connection, name: str, revision: str) -> None:
    there = None
    if inspect(connection).has_table("alembic_version"):
        there = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if there != revision:
        state = f"is at the migration {there}" if there else "has no tables of Mellow"
        raise Conflict(
            f"The database {name} {state}, and this Mellow needs {revision}: "
            "with DATABASE_URL naming it, run flask --app app db upgrade."
        )


def _lock_tables(connection: Connection, name: str) -> None:
    """Keep everybody from writing; raises Conflict if anybody else is connected, since they might go on afterwards."""
    if connection.execute(_OTHERS).scalar_one():
        raise _in_use(name)
    tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    connection.execute(text(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE"))


def _in_use(name: str) -> Conflict:
    return Conflict(f"The database {name} is in use: stop Mellow, and whatever else has it open, first.")


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
