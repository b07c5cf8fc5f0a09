"""Copying a whole studio from one database into another, empty one: SQLite into PostgreSQL, or back.

It is one transaction in the target: an interrupted copy leaves the target empty, and can be started again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, inspect, select
from sqlalchemy.orm import Session

from app.db import Base, Project
from app.domain_errors import Conflict
from app.services.system import audit
from app.services.system.databases.contents import REFERS_TO_ITSELF, TABLES, Contents, batches, contents, refer, write
from app.services.system.databases.holding import held
from app.services.system.databases.numbering import continue_after, last_number

_KNOWN = {*Base.metadata.tables, "alembic_version"}
_FIRST = Project.__tablename__
"""The table of which a new database has a row already, which that of the source takes the place of."""


@dataclass(frozen=True)
class Copied:
    """One table that was copied: its name, the number of its rows, and the digest of what they hold."""

    table: str
    rows: int
    digest: str


def copy(source: str, target: str, revision: str, tell: Callable[[Copied], None]) -> list[Copied]:
    """Copy every row but those of files on their way in from `source` into the empty `target`, both at that migration.

    Nobody else may have either open. `tell` is called after each table. At the end all of the target is read again
    and compared with what was read of the source. Raises Conflict; then the target is as empty as before.
    """
    with held(source, revision) as reading, held(target, revision) as writing:
        _check_known(reading)
        _check_empty(writing)
        read = {table.name: _copy_table(reading, writing, table, tell) for table in TABLES}
        for table in TABLES:
            continue_after(writing, table, last_number(reading, table))
            _compare(table.name, read[table.name], contents(writing, table))
        copied = [_copied(name, counted) for name, counted in read.items()]
        _record(reading, writing, copied)
    return copied


def _check_known(reading: Connection) -> None:
    """Raise Conflict if the source has a table that would be left behind."""
    unknown = sorted(set(inspect(reading).get_table_names()) - _KNOWN)
    if unknown:
        raise Conflict(f"The database holds {unknown[0]!r}, which is no table of Mellow: it would be left behind.")


def _check_empty(writing: Connection) -> None:
    for table in TABLES:
        if table.name != _FIRST and writing.execute(select(1).select_from(table).limit(1)).scalar():
            raise Conflict(f"The target is not empty: {table.name} has rows. Copy into a new database.")


def _copy_table(reading: Connection, writing: Connection, table: Table, tell: Callable[[Copied], None]) -> Contents:
    """Copy one table in batches; a reference to another row of the same table is written once all are there."""
    counted = Contents()
    referring: list[dict[str, Any]] = []
    later = REFERS_TO_ITSELF.get(table.name, ())
    if table.name == _FIRST:
        writing.execute(delete(table))
    for rows in batches(reading, table):
        values = []
        for row in rows:
            counted.add(row)
            values.append(row._asdict())
        write(writing, table, [value | dict.fromkeys(later) for value in values])
        found = (value for value in values if any(value[name] is not None for name in later))
        referring += [{name: value[name] for name in (*table.primary_key.columns.keys(), *later)} for value in found]
    if referring:
        refer(writing, table, referring)
    tell(_copied(table.name, counted))
    return counted


def _copied(name: str, counted: Contents) -> Copied:
    return Copied(name, counted.rows, counted.digest)


def _compare(name: str, read: Contents, there: Contents) -> None:
    if read != there:
        raise Conflict(
            f"The copy of {name} holds something else than the original ({there.rows:,} rows of {read.rows:,}): "
            "nothing was copied."
        )


def _record(reading: Connection, writing: Connection, copied: list[Copied]) -> None:
    """Write into the copy's audit log that it is one."""
    with Session(bind=writing) as session:
        names = f"{reading.dialect.name} to {writing.dialect.name}"
        audit.record(session, None, "database.copied", names, rows=sum(table.rows for table in copied))
        session.commit()
