"""Statements that every request or every click needs, built once and run without SQLAlchemy's detour on SQLite.

SQLAlchemy takes some 70 µs for what it does around one small statement, SQLite itself about 5. Here the SQL, the order
of the parameters and what turns values into columns and back are worked out once, by SQLAlchemy, and the statement then
goes to the driver directly. On PostgreSQL, where the way to the server is longer than that, SQLAlchemy runs it as ever.
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
    """A statement for the driver: SQL, the names of its parameters in order, and what converts values both ways."""

    sql: str
    names: tuple[str, ...]
    into: tuple[tuple[int, _Convert], ...]
    out: tuple[tuple[int, _Convert], ...]

    def values(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in order, as the driver takes them; raises KeyError if one is missing."""
        ordered = [values[name] for name in self.names]
        for place, convert in self.into:
            ordered[place] = convert(ordered[place])
        return ordered

    def row(self, row: Row) -> Row:
        """A row of the driver, with the values that the columns have in Python."""
        converted = list(row)
        for place, convert in self.out:
            converted[place] = convert(converted[place])
        return converted


class Prebuilt:
    """One statement; `columns` are those that an insert gives a value to.

    Whatever the driver raises is raised as the exception of SQLAlchemy that stands for it.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | Insert | Update, columns: Iterable[str] = ()) -> None:
        self._statement = statement
        self._columns = tuple(columns)

    def read(self, session: Session, values: Mapping[str, Any]) -> Sequence[Row]:
        """The rows it finds, in the session's transaction; on SQLite none is opened for it if none is open."""
        bind = session.get_bind()
        if session.in_transaction() or isinstance(bind, Connection) or bind.dialect.name != "sqlite":
            return self.rows(session.connection(), values)
        with closing(bind.raw_connection()) as connection:
            return self._fetch(cast(sqlite3.Connection, connection.driver_connection), values)

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Row]:
        """The rows it finds in a running transaction, as plain sequences in the order of its columns."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).all()
        return self._fetch(_driver(connection), values)

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Do it once for each of `rows`, none of which may be missing a value."""
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, rows)
            return
        plan = self._plan
        try:
            _driver(connection).executemany(plan.sql, [plan.values(row) for row in rows])
        except sqlite3.Error as error:
            raise _told(error, plan) from error

    def _fetch(self, driver: sqlite3.Connection, values: Mapping[str, Any]) -> list[Row]:
        plan = self._plan
        try:
            found = driver.execute(plan.sql, plan.values(values)).fetchall()
        except sqlite3.Error as error:
            raise _told(error, plan) from error
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
    """Writes one row whose number the database chooses, unless a unique index says that such a row is there already."""

    def __init__(self, table: Table, columns: Iterable[str]) -> None:
        super().__init__(sqlite.insert(table).on_conflict_do_nothing(), columns)
        self._elsewhere = postgresql.insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)

    def add(self, connection: Connection, values: Mapping[str, Any]) -> int | None:
        """The number of the new row, or None if there is one like it, and nothing is written.

        It is decided when the row is written, so nobody comes in between; who waits for the other on PostgreSQL sees
        what that one has committed afterwards. Every other constraint raises IntegrityError.
        """
        if connection.dialect.name != "sqlite":
            number: int | None = connection.execute(self._elsewhere, values).scalar_one_or_none()
            return number
        plan = self._plan
        try:
            cursor = _driver(connection).execute(plan.sql, plan.values(values))
        except sqlite3.Error as error:
            raise _told(error, plan) from error
        return cursor.lastrowid if cursor.rowcount else None


def _converters(found: Iterable[tuple[int, _Convert | None]]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((place, convert) for place, convert in found if convert is not None)


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _told(error: sqlite3.Error, plan: _Plan) -> BaseException:
    """What SQLAlchemy would raise for it, but without the values, which can be somebody's words."""
    return DBAPIError.instance(plan.sql, None, error, sqlite3.Error, hide_parameters=True, dialect=_SQLITE)
