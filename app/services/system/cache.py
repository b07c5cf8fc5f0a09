"""A cache of values computed from the database, valid while a stamp that is quick to read stays the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.db import Kept

MOST = 1_000
"""The most values that a process keeps per project; then the cache is cleared."""

T = TypeVar("T")
_Entries = dict[Hashable, tuple[Hashable, Any]]
_kept: Kept[_Entries] = Kept(dict)
_lock = threading.Lock()


def recalled(session: Session, key: Hashable) -> tuple[Any, Any] | None:
    """Return the stamp and the cached value of `key`, however old they are; None if there is none."""
    with _lock:
        return _kept.of(session).get(key)


def remembered(session: Session, key: Hashable, stamp: Hashable | None, compute: Callable[[], T]) -> T:
    """Return the cached value of `key` if its stamp is the same, else call `compute` and cache what it returns.

    Read the stamp before the data, so that a value is never stored under a stamp later than its data. With a stamp of
    None nothing is cached.
    """
    if stamp is None:
        return compute()
    with _lock:
        entries = _kept.of(session)
        known = entries.get(key)
    if known is not None and known[0] == stamp:
        result: T = known[1]
        return result
    result = compute()
    with _lock:
        if len(entries) >= MOST:
            entries.clear()
        entries[key] = (stamp, result)
    return result
