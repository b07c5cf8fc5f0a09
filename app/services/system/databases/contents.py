"""Reading and writing what a table holds, row by row as it is stored, and a digest that is the same on every database.

JSON is read and written as the text that it is: nothing in it is parsed and written anew on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    cast,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import NullType

from app.db import Base
from app.domain_errors import Conflict
from app.services.system.databases.holding import reason

AT_ONCE = 1_000
"""Rows that are read and written together."""

_MODULUS = 2**256


def _plain(table: Table) -> Table:
    """Return a table with the same columns, whose JSON is text."""
    columns = (
        Column(
            column.name, NullType() if isinstance(column.type, JSON) else column.type, primary_key=column.primary_key
        )
        for column in table.columns
    )
    return Table(table.name, MetaData(), *columns)


_PASSING = {"import_uploads", "import_pieces"}
"""Files on their way in, which are kept for a day at most, and by SQLite not in the database."""

TABLES: tuple[Table, ...] = tuple(_plain(table) for table in Base.metadata.sorted_tables if table.name not in _PASSING)
"""Every table that is copied, those that others refer to first."""

REFERS_TO_ITSELF: dict[str, tuple[str, ...]] = {
    table.name: names
    for table in Base.metadata.sorted_tables
    if (names := tuple(key.parent.name for key in table.foreign_keys if key.column.table is table))
}
"""The columns that name another row of the same table, which may be a later one."""


@dataclass
class Contents:
    """Holds what was counted of a table: its rows, and the sum of their hashes, which no order changes."""

    rows: int = 0
    total: int = 0

    def add(self, row: Sequence[Any]) -> None:
        """Count one row, whose values are Python's."""
        digest = hashlib.sha256(repr(tuple(row)).encode("utf-8", "backslashreplace")).digest()
        self.total = (self.total + int.from_bytes(digest)) % _MODULUS
        self.rows += 1

    @property
    def digest(self) -> str:
        """Return the sum as 64 digits."""
        return f"{self.total:064x}"


def batches(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """Read all rows in the order of their keys, AT_ONCE at a time; raises Conflict if one cannot be read."""
    found = select(*(_as_stored(column, connection) for column in table.columns)).order_by(*table.primary_key.columns)
    last: str = "the first"
    try:
        for rows in connection.execute(found, execution_options={"yield_per": AT_ONCE}).partitions():
            yield rows
            last = f"the one after {key_of(table, rows[-1]._asdict())}"
    except (SQLAlchemyError, ValueError) as error:
        raise Conflict(
            f"A row of {table.name} cannot be read, {last} or one of the next {AT_ONCE:,}: {reason(error)}"
            " Nothing was copied."
        ) from None


def contents(connection: Connection, table: Table) -> Contents:
    """Read a whole table and count what it holds."""
    counted = Contents()
    for rows in batches(connection, table):
        for row in rows:
            counted.add(row)
    return counted


def write(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; raises Conflict that names the first one that the database does not take."""
    try:
        _insert(connection, table, rows)
    except _refusals(connection) as error:
        for row in rows:
            _write_one(connection, table, row)
        raise Conflict(f"Rows of {table.name} cannot be copied: {reason(error)} Nothing was copied.") from None


def refer(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Fill in the columns that name another row of the same table; each of `rows` holds its key and those columns."""
    keys = [column.name for column in table.primary_key.columns]
    names = REFERS_TO_ITSELF[table.name]
    statement = (
        update(table)
        .where(*(table.c[name] == bindparam(f"of_{name}") for name in keys))
        .values({name: bindparam(f"to_{name}") for name in names})
    )
    said = [{f"of_{key}": row[key] for key in keys} | {f"to_{name}": row[name] for name in names} for row in rows]
    connection.execute(statement, said)


def key_of(table: Table, row: dict[str, Any]) -> str:
    """Return how a row is called: `id 7`, or the other columns of its key."""
    return ", ".join(f"{column.name} {row[column.name]}" for column in table.primary_key.columns)


def _as_stored(column: Column[Any], connection: Connection) -> ColumnElement[Any]:
    """Return a column as it is to be read: PostgreSQL's driver would parse JSON."""
    is_json = isinstance(column.type, NullType) and connection.dialect.name == "postgresql"
    return cast(column, Text).label(column.name) if is_json else column


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert all of the rows or, if one is refused, none; PostgreSQL takes them by COPY, in a third of the time."""
    with connection.begin_nested():
        if connection.dialect.name != "postgresql":
            connection.execute(insert(table), rows)
            return
        driver: Any = connection.connection.driver_connection
        names = [column.name for column in table.columns]
        quoted = ", ".join(f'"{name}"' for name in names)
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({quoted}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])


def _refusals(connection: Connection) -> tuple[type[Exception], ...]:
    """Return the errors with which a database refuses rows, those of its driver among them."""
    return SQLAlchemyError, ValueError, connection.dialect.loaded_dbapi.Error


def _write_one(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    try:
        _insert(connection, table, [row])
    except _refusals(connection) as error:
        named = next((f" ({name} holds a NUL character)" for name, value in row.items() if _has_nul(value)), "")
        raise Conflict(
            f"The row of {table.name} with {key_of(table, row)} cannot be copied{named}: {reason(error)}"
            " Nothing was copied."
        ) from None


def _has_nul(value: Any) -> bool:
    return isinstance(value, str) and "\x00" in value
