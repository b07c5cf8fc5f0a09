"""Choosing the number of a table's next row: never one that a deleted row has had (decision 44)."""

from __future__ import annotations

from sqlalchemy import Connection, Integer, Table, func, select, text

from app.db import Base

_GIVEN_BY_SQLITE = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
_GIVEN_BY_POSTGRES = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:table, :key)::regclass)")
_REMEMBER = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)")
_FORGET = text("DELETE FROM sqlite_sequence WHERE name = :table")
_SET = text(
    "SELECT setval(sequence, :last) FROM (SELECT pg_get_serial_sequence(:table, :key)::regclass AS sequence) AS found"
    " WHERE sequence IS NOT NULL"
)


def last_number(connection: Connection, table: Table) -> int:
    """Return the greatest number that a row of the table has or has had; 0 if it has had none, or no numbers."""
    key = _numbered(table)
    if key is None:
        return 0
    if connection.dialect.name == "sqlite":
        given = connection.execute(_GIVEN_BY_SQLITE, {"table": table.name}).scalar()
    else:
        given = connection.execute(_GIVEN_BY_POSTGRES, {"table": table.name, "key": key}).scalar()
    return max(given or 0, connection.execute(select(func.max(table.c[key]))).scalar() or 0)


def continue_after(connection: Connection, table: Table, last: int) -> None:
    """Let the next row of the table get a greater number than `last`, as far as its numbers are remembered there."""
    key = _numbered(table)
    if key is None or not last:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_SET, {"table": table.name, "key": key, "last": last})
    elif Base.metadata.tables[table.name].kwargs.get("sqlite_autoincrement"):
        connection.execute(_FORGET, {"table": table.name})
        connection.execute(_REMEMBER, {"table": table.name, "last": last})


def _numbered(table: Table) -> str | None:
    """Return the column that numbers the rows, None if they have names or are parts of something else."""
    keys = list(table.primary_key.columns)
    return keys[0].name if len(keys) == 1 and isinstance(keys[0].type, Integer) else None
