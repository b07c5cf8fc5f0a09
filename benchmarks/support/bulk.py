"""Rows written in bulk, past the product: into an SQLite file that may be in use, or into PostgreSQL.

Statements have `?` for their values, as SQLite does. Truths are given as bools and moments as texts in UTC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL

Row = Sequence[Any]
Place = Path | str
"""The file of an SQLite database, or the DATABASE_URL of one of PostgreSQL."""


class Bulk:
    """One writing transaction."""

    def __init__(self, connection: sqlite3.Connection | psycopg.Connection[Any]) -> None:
        self._connection = connection

    def ask(self, statement: str, *values: Any) -> Any:
        """Execute a statement; returns the first value of its first row, None if it has no rows."""
        return next(iter(self.column(statement, *values)), None)

    def column(self, statement: str, *values: Any) -> list[Any]:
        """Execute a statement; returns the first value of each of its rows."""
        if isinstance(self._connection, sqlite3.Connection):
            found = self._connection.execute(statement, values).fetchall()
        else:
            cursor = self._connection.execute(statement.replace("?", "%s").encode(), values)
            found = cursor.fetchall() if cursor.description else []
        return [row[0] for row in found]

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Add rows to a table."""
        names = ", ".join(columns)
        if isinstance(self._connection, sqlite3.Connection):
            marks = ", ".join("?" * len(columns))
            self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
            return
        with self._connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def count_on(self, *tables: str) -> None:
        """Let ids go on after those that were given."""
        if isinstance(self._connection, sqlite3.Connection):
            return  # it goes on by itself
        for table in tables:
            self.ask(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608


@contextmanager
def writing(database: Place, *pragmas: str) -> Iterator[Bulk]:
    """Write in one transaction; the `pragmas` are for SQLite."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
            for pragma in ("busy_timeout=60000", *pragmas):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN IMMEDIATE")
            yield Bulk(connection)
            connection.execute("COMMIT")
        return
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        connection.execute(SQL("SET TIME ZONE 'UTC'"))
        yield Bulk(connection)
