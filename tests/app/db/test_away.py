"""Tell errors of a database that cannot be used now from faults that would be the same in a moment."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection

from app.db.away import is_away, why_away


def test_sqlite_is_away_while_another_holds_it_and_not_where_a_table_is_missing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'held.db'}", connect_args={"timeout": 0})
    holder = sqlite3.connect(tmp_path / "held.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OperationalError) as held:
        engine.connect()
    holder.close()
    with engine.connect() as connection, pytest.raises(OperationalError) as missing:
        connection.execute(text("SELECT * FROM nowhere"))
    engine.dispose()
    assert is_away(held.value)
    assert not is_away(missing.value)


def test_sqlite_whose_file_cannot_be_opened_is_away() -> None:
    with pytest.raises(OperationalError) as closed:
        create_engine("sqlite:////nowhere/mellow.db").connect()
    assert is_away(closed.value)


def test_what_sqlite_refuses_because_of_how_it_was_asked_is_a_fault(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'asked.db'}")
    other = sqlite3.connect(tmp_path / "asked.db", isolation_level=None)
    other.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM t").all()
        other.execute("INSERT INTO t VALUES (3)")
        with pytest.raises(OperationalError) as late:
            connection.exec_driver_sql("INSERT INTO t VALUES (4)")
    with engine.connect() as connection:
        reading = connection.exec_driver_sql("SELECT * FROM t")
        reading.fetchone()
        with pytest.raises(OperationalError) as locked:
            connection.exec_driver_sql("DROP TABLE t")
        reading.close()
    other.close()
    engine.dispose()
    codes = [getattr(one.value.orig, "sqlite_errorcode", 0) for one in (late, locked)]
    assert codes == [sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_LOCKED]
    assert not is_away(late.value)
    assert not is_away(locked.value)


def test_postgresql_that_nobody_reaches_is_away(tmp_path: Path) -> None:
    engine = create_engine(f"postgresql+psycopg://mellow@/mellow?host={tmp_path}")
    with pytest.raises(OperationalError) as unreached:
        engine.connect()
    assert is_away(unreached.value)


@pytest.mark.parametrize(
    ("kind", "away"),
    [
        (errors.AdminShutdown, True),
        (errors.CannotConnectNow, True),
        (errors.TooManyConnections, True),
        (errors.DeadlockDetected, True),
        (errors.LockNotAvailable, True),
        (errors.DiskFull, False),
        (errors.ProgramLimitExceeded, False),
        (errors.StatementTooComplex, False),
        (errors.QueryCanceled, False),
        (errors.InvalidPassword, False),
        (errors.UndefinedFile, False),
        (psycopg.OperationalError, False),  # the driver itself refuses, as it does more than 65535 parameters
    ],
)
def test_postgresql_says_whether_it_will_be_back(kind: type[psycopg.Error], away: bool) -> None:
    assert is_away(OperationalError("INSERT", {}, kind("it said so"))) is away


def test_a_connection_that_was_lost_is_away_and_a_table_that_is_missing_is_not() -> None:
    assert is_away(DBAPIError("INSERT", {}, psycopg.Error("lost"), connection_invalidated=True))
    assert not is_away(ProgrammingError("SELECT", {}, errors.UndefinedTable("nowhere")))


def test_why_it_is_away_is_one_line_without_the_statement_and_its_values() -> None:
    lost = OperationalError("INSERT INTO t", {"x": "what people wrote"}, errors.AdminShutdown("it\nshuts down"))
    assert why_away(lost) == "AdminShutdown: it shuts down"


def test_so_is_a_pool_whose_connections_are_all_in_use() -> None:
    assert is_away(NoConnection())
    assert not is_away(TimeoutError())
