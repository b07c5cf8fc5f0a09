"""Errors that say that a database cannot be used now, and may be in a moment: it starts again, or others hold it."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from app.db.full_disk import is_full

_SQLITE_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_PRIMARY = 0xFF
"""The bits of SQLite's extended codes that say which code they extend."""
_POSTGRESQL_STATES = ("08", "40", "53", "55P03", "57P01", "57P02", "57P03")
"""Beginnings of the states of a lost connection, a conflict of transactions, want of resources, a lock, a restart."""


def is_away(error: BaseException) -> bool:
    """Tell whether the same can succeed in a moment, since the database cannot be used now."""
    if isinstance(error, NoConnection):
        return True
    if not isinstance(error, DBAPIError) or is_full(error):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_is_away(getattr(error.orig, "sqlite_errorcode", 0))
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_POSTGRESQL_STATES)
    return isinstance(error, OperationalError) and error.statement is None  # nothing was asked: nobody was reached


def why_away(error: BaseException) -> str:
    """Return what the database or its driver says in one line, without the statement, which holds what people wrote."""
    cause = getattr(error, "orig", None) or error
    said = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    return " ".join(f"{type(cause).__name__}: {said}".split())


def _sqlite_is_away(code: int) -> bool:
    """Tell it by an extended code. A read transaction that turned into a write too late is a fault of ours."""
    return code & _PRIMARY in _SQLITE_CODES and code != sqlite3.SQLITE_BUSY_SNAPSHOT
