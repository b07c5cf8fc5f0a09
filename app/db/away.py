"""Errors that say that a database cannot be used now, and may be in a moment: it starts again, or others hold it."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from app.db.full_disk import is_full

_SQLITE_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY = 0xFF
"""The bits of SQLite's extended codes that say which code they extend."""


def is_away(error: BaseException) -> bool:
    """Tell whether the same can succeed in a moment, since the database cannot be used now.

    PostgreSQL's driver raises OperationalError for that alone; SQLite's does so for faults of ours, too.
    """
    if isinstance(error, NoConnection):
        return True
    if not isinstance(error, DBAPIError) or is_full(error):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY in _SQLITE_CODES
    return error.connection_invalidated or isinstance(error, OperationalError)
