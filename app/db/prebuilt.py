"""Statements of every request or click, compiled once and run past SQLAlchemy.

SQLAlchemy takes some 70 µs around one small statement, SQLite itself about 5. Here SQLAlchemy compiles the SQL, the
order of the parameters and the conversions of values once, and the statement then goes to the driver directly. On
PostgreSQL what is read outside a transaction also goes without `BEGIN` and `COMMIT`, each of which takes as long as it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple, Self

from sqlalchemy import (
    ARRAY,
    Column,
    Connection,
    Dialect,
    Engine,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    column,
    func,
    insert,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import PoolProxiedConnection

Row = Sequence[Any]
_Convert = Callable[[Any], Any]
_Statement = Select[*tuple[Any, ...]] | Insert | Update


class _Plan(NamedTuple):
    """A compiled statement: SQL, the names of its parameters in order, and the conversions of values both ways."""

    sql: str
    names: tuple[str, ...]
    positional: bool
    into: tuple[tuple[int, _Convert], ...]
    out: tuple[tuple[int, _Convert], ...]

    @classmethod
    def of(cls, statement: _Statement, columns: Sequence[str], dialect: Dialect) -> Self:
        """Compile a statement; `columns` are those to which an insert gives a value."""
        compiled = statement.compile(dialect=dialect, column_keys=columns or None)
        names = tuple(compiled.positiontup or () if compiled.positional else compiled.binds)
        into = [(place, compiled.binds[name].type) for place, name in enumerate(names)]
        found = statement.selected_columns if isinstance(statement, Select) else ()
        return cls(
            str(compiled),
            names,
            compiled.positional,
            _converters((place, type_.dialect_impl(dialect).bind_processor(dialect)) for place, type_ in into),
            _converters(
                (place, one.type.dialect_impl(dialect).result_processor(dialect, None))
                for place, one in enumerate(found)
            ),
        )

    def values(self, values: Mapping[str, Any]) -> list[Any] | dict[str, Any]:
        """Return the parameters as the driver takes them; raises KeyError if one is missing."""
        ordered = [values[name] for name in self.names]
        for place, convert in self.into:
            ordered[place] = convert(ordered[place])
        return ordered if self.positional else dict(zip(self.names, ordered, strict=True))

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

    def __init__(self, statement: _Statement, columns: Iterable[str] = ()) -> None:
        self._statement = statement
        self._columns = tuple(columns)
        self._plans: dict[str, _Plan] = {}

    def read(self, session: Session, values: Mapping[str, Any]) -> Sequence[Row]:
        """Return the rows, read in the session's transaction; none is opened if none is open."""
        bind = session.get_bind()
        if session.in_transaction() or isinstance(bind, Connection):
            return self.rows(session.connection(), values)
        try:
            return self._read_alone(bind, values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return self._read_alone(bind, values)  # on another connection: reading twice does no harm

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Row]:
        """Return the rows, read in a running transaction, as plain sequences in the order of the columns."""
        return self._found(connection.dialect, self._execute_in(connection, values))

    def run(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute the statement once for each of `rows`, none of which may lack a value."""
        for row in rows:
            self._execute_in(connection, row)

    def _read_alone(self, engine: Engine, values: Mapping[str, Any]) -> Sequence[Row]:
        with closing(_connect(engine)) as connection:
            driver: Any = connection.driver_connection
            if engine.dialect.name == "sqlite":
                return self._fetch(engine.dialect, driver, values)
            driver.autocommit = True
            try:
                return self._fetch(engine.dialect, driver, values)
            finally:
                if driver.broken:
                    connection.invalidate()
                else:
                    driver.autocommit = False

    def _fetch(self, dialect: Dialect, driver: Any, values: Mapping[str, Any]) -> Sequence[Row]:
        return self._found(dialect, self._execute(dialect, driver, values))

    def _found(self, dialect: Dialect, cursor: Any) -> Sequence[Row]:
        found: list[Row] = cursor.fetchall()
        plan = self._plan(dialect)
        return [plan.row(row) for row in found] if plan.out else found

    def _execute_in(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Return the driver's cursor; a connection that turns out to be lost is given up, so that it can be closed."""
        try:
            return self._execute(connection.dialect, connection.connection.driver_connection, values)
        except DBAPIError as error:
            if error.connection_invalidated:
                connection.invalidate(error)
            raise

    def _execute(self, dialect: Dialect, driver: Any, values: Mapping[str, Any]) -> Any:
        """Return the driver's cursor after the statement."""
        plan = self._plan(dialect)
        try:
            return driver.execute(plan.sql, plan.values(values))
        except dialect.loaded_dbapi.Error as error:
            raise _wrapped_error(error, plan, dialect, driver) from error

    def _plan(self, dialect: Dialect) -> _Plan:
        known = self._plans.get(dialect.name)
        if known is None:
            known = self._plans[dialect.name] = _Plan.of(self._statement_for(dialect), self._columns, dialect)
        return known

    def _statement_for(self, dialect: Dialect) -> _Statement:
        return self._statement


class PrebuiltInsert(Prebuilt):
    """An insert of one row whose id the database chooses, unless a unique index has such a row already.

    With `of`, a column that refers to the table, the row takes rows of another table along: `of_columns` are the
    others of those. On PostgreSQL all of them are one statement.
    """

    def __init__(
        self, table: Table, columns: Iterable[str], of: Column[int] | None = None, of_columns: Iterable[str] = ()
    ) -> None:
        super().__init__(sqlite.insert(table).on_conflict_do_nothing(), columns)
        self._table, self._of, self._of_columns = table, of, tuple(of_columns)
        self._add_rows = None if of is None else Prebuilt(insert(of.table), (of.name, *self._of_columns))

    def add(
        self, connection: Connection, values: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] = ()
    ) -> int | None:
        """Insert a row and return its id, or None, writing nothing, if a unique index has such a row already.

        The check and the insert are one statement, so no other write comes between them; on PostgreSQL a transaction
        that had to wait for the other one sees what it committed. Every other constraint raises IntegrityError.
        """
        if connection.dialect.name != "sqlite":
            lists = {_list_name(name): [row[name] for row in rows] for name in self._of_columns}
            found = self.rows(connection, {**values, **lists})
            return found[0][0] if found else None
        cursor = self._execute_in(connection, values)
        number: int | None = cursor.lastrowid if cursor.rowcount else None
        if self._of is not None and self._add_rows is not None and number is not None:
            self._add_rows.run(connection, ({**row, self._of.name: number} for row in rows))
        return number

    def _statement_for(self, dialect: Dialect) -> _Statement:
        """Return the insert, on PostgreSQL with the other table's rows, which come as one list for each column."""
        if dialect.name == "sqlite":
            return self._statement
        given = {name: bindparam(name, type_=self._table.c[name].type) for name in self._columns}
        add = postgresql.insert(self._table).values(given).on_conflict_do_nothing()
        added = add.returning(*self._table.primary_key.columns).cte("added")
        found = select(*added.c)
        if self._of is None:
            return found
        columns = [self._of.table.c[name] for name in self._of_columns]
        lists = (bindparam(_list_name(one.name), type_=ARRAY(one.type)) for one in columns)
        table = (
            func.unnest(*lists)
            .table_valued(*(column(one.name, one.type) for one in columns), with_ordinality="place", name="given")
            .render_derived()
        )
        rows = select(*added.c, *(table.c[one.name] for one in columns)).join_from(added, table, true())
        names = [self._of.name, *self._of_columns]
        inserted = insert(self._of.table).from_select(names, rows.order_by(table.c.place))
        return found.add_cte(inserted.cte("rows"))


def _list_name(column: str) -> str:
    return f"each_{column}"


def _converters(found: Iterable[tuple[int, _Convert | None]]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((place, convert) for place, convert in found if convert is not None)


def _connect(engine: Engine) -> PoolProxiedConnection:
    """Return a connection of the driver's, from the pool."""
    base = engine.dialect.loaded_dbapi.Error
    try:
        return engine.raw_connection()
    except base as error:
        raise DBAPIError.instance(None, None, error, base, dialect=engine.dialect) from error


def _wrapped_error(error: Any, plan: _Plan, dialect: Dialect, driver: Any) -> BaseException:
    """Return SQLAlchemy's exception for an error, without the values, which can be somebody's words."""
    wrapped: BaseException = DBAPIError.instance(
        plan.sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=dialect.is_disconnect(error, driver, None),
        dialect=dialect,
    )
    return wrapped
