"""Errors that say that a disk is full, a database's own among them."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from models.store import disk

_SQLITE_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_POSTGRESQL_STATE = "53100"


def is_full(error: BaseException) -> bool:
    """Tell whether an error, or one that it came from, says that a disk or somebody's share of it is full."""
    found = list(disk.causes(error))
    if any(_says_so(one.orig if isinstance(one, DBAPIError) else one) for one in found):
        return True
    # The text of an error of SQLAlchemy holds what people wrote.
    return disk.is_full(error) and not any(isinstance(one, DBAPIError) for one in found)


def _says_so(error: BaseException | None) -> bool:
    """Tell whether an error of a database's driver says so by its code."""
    by_sqlite = getattr(error, "sqlite_errorcode", None) in _SQLITE_CODES
    return by_sqlite or getattr(error, "sqlstate", None) == _POSTGRESQL_STATE
