"""Statements of every request or click, compiled once and run on SQLite without SQLAlchemy's overhead.

SQLAlchemy takes some 70 µs around one small statement, SQLite itself about 5. Here SQLAlchemy compiles the SQL, the
order of the parameters and the conversions of values once, and the statement then goes to the driver directly. On
PostgreSQL, where the network takes longer than that, SQLAlchemy runs it as usual.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Insert, Select, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_SQLITE = pysqlite.dialect()

Row = Sequence[Any]
_Convert = Callable[[Any], Any]


class _Plan(NamedTuple):
    """A compiled statement: SQL, the names of its parameters in order, and the conversions of values both ways."""

    sql: str
    names: tuple[str, ...]
    into: tuple[tuple[int, _Convert], ...]
    out: tuple[tuple[int, _Convert], ...]

    def values(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in order, converted for the driver; raises KeyError if one is missing."""
        ordered = [values[name] for name in self.names]
        for place, convert in self.into:
            ordered[place] = convert(ordered[place])
        return ordered

    def row(self, row: Row) -> Row:
        """Return a row of the driver with its values converted to Python's."""
        converted = list(row)
        for place, convert in self.out:
            converted[place] = convert(converted[place])
        return converted


class Prebuilt:
    """One statement; `columns` are those to which an insert gives a value.

    Errors of the driver are raised as the corresponding exceptions of SQLAlchemy.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | Insert | Update, columns: Iterable[str] = ()) -> None:
        self._statement = statement
        self._columns = tuple(columns)

    def read(self, session: Session, values: Mapping[str, Any]) -> Sequence[Row]:
        """Return the rows, read in the session's transaction; on SQLite none is opened if none is open."""
        bind = session.get_bind()
        if session.in_transaction() or isinstance(bind, Connection) or bind.dialect.name != "sqlite":
            return self.rows(session.connection(), values)
        with closing(bind.raw_connection()) as connection:
            return self._fetch(cast(sqlite3.Connection, connection.driver_connection), values)

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Row]:
        """Return the rows, read in a running transaction, as plain sequences in the order of the columns."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).all()
        return self._fetch(_driver(connection), values)

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement once for each of `rows`, none of which may lack a value."""
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, rows)
            return
        plan = self._plan
        try:
            _driver(connection).executemany(plan.sql, [plan.values(row) for row in rows])
        except sqlite3.Error as error:
            raise _wrapped_error(error, plan) from error

    def _fetch(self, driver: sqlite3.Connection, values: Mapping[str, Any]) -> list[Row]:
        plan = self._plan
        try:
            found = driver.execute(plan.sql, plan.values(values)).fetchall()
        except sqlite3.Error as error:
            raise _wrapped_error(error, plan) from error
        return [plan.row(row) for row in found] if plan.out else found

    @cached_property
    def _plan(self) -> _Plan:
        compiled = self._statement.compile(dialect=_SQLITE, column_keys=self._columns or None)
        names = tuple(compiled.positiontup or ())
        into = [(place, compiled.binds[name].type) for place, name in enumerate(names)]
        found = self._statement.selected_columns if isinstance(self._statement, Select) else ()
        return _Plan(
            str(compiled),
            names,
            _converters((place, type_.dialect_impl(_SQLITE).bind_processor(_SQLITE)) for place, type_ in into),
            _converters(
                (place, column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None))
                for place, column in enumerate(found)
            ),
        )


class PrebuiltInsert(Prebuilt):
    """An insert of one row whose id the database chooses, unless a unique index has such a row already."""

    def __init__(self, table: Table, columns: Iterable[str]) -> None:
        super().__init__(sqlite.insert(table).on_conflict_do_nothing(), columns)
        self._elsewhere = postgresql.insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)

    def add(self, connection: Connection, values: Mapping[str, Any]) -> int | None:
        """Insert a row and return its id, or None, writing nothing, if a unique index has such a row already.

        The check and the insert are one statement, so no other write comes between them; on PostgreSQL a transaction
        that had to wait for the other one sees what it committed. Every other constraint raises IntegrityError.
        """
        if connection.dialect.name != "sqlite":
            number: int | None = connection.execute(self._elsewhere, values).scalar_one_or_none()
            return number
        plan = self._plan
        try:
            cursor = _driver(connection).execute(plan.sql, plan.values(values))
        except sqlite3.Error as error:
            raise _wrapped_error(error, plan) from error
        return cursor.lastrowid if cursor.rowcount else None


def _converters(found: Iterable[tuple[int, _Convert | None]]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((place, convert) for place, convert in found if convert is not None)


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _wrapped_error(error: sqlite3.Error, plan: _Plan) -> BaseException:
    """Return SQLAlchemy's exception for an error, without the values, which can be somebody's words."""
    return DBAPIError.instance(plan.sql, None, error, sqlite3.Error, hide_parameters=True, dialect=_SQLITE)
