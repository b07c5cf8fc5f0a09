"""Rows that may be there already: written if they are new, without an error if another transaction came first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.base import Base
from app.db.projects.owned import Owned, owner_of


def insert_new(
    session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]], key: InstrumentedAttribute[Any]
) -> set[Any]:
    """Add those rows whose unique `key` nobody has, in the running transaction, and return the keys of those added.

    A row that another transaction is just adding is waited for. Columns that a row does not name get their defaults,
    and rows of a project are those of the session's; raises LookupError if that sees all and a row names none.
    """
    if not rows:
        return set()
    if issubclass(table, Owned):
        rows = [row if "project_id" in row else {"project_id": owner_of(session, table), **row} for row in rows]
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = make(table).on_conflict_do_nothing(index_elements=[key]).returning(key)
    return set(session.scalars(statement, list(rows)))
