"""Waiting for the database or the store while it is away: restarted, locked by a backup, cut off, or on a full disk.

A run takes hours and both are needed for moments of it, so that nothing of a run is given up or deleted because one of
them does not respond. After WAIT_SECONDS the worker leaves the run as it is: its folder stays, the web process finds
that nobody works on it, and the next attempt goes on from its last checkpoint.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from app.db.full_disk import is_full
from models.model_errors import StoreAway

log = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError, NoConnection)
"""What a database raises that does not respond, refuses connections, or can be neither read nor written for now."""
STORE_AWAY = (StoreAway,)
AWAY = (*DATABASE_AWAY, *STORE_AWAY)

WAIT_SECONDS = 600.0
"""The longest wait for the database or the store at the end of a run."""
_LOOK_SECONDS = 1.0

Result = TypeVar("Result")


def patiently(call: Callable[[], Result], away: tuple[type[Exception], ...] = DATABASE_AWAY) -> Result:
    """Return what `call` returns, called again while it raises one of `away`; it must do no harm when done twice.

    Raises that error after WAIT_SECONDS.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return call()
        except away as error:
            if time.monotonic() >= deadline:
                raise
            log.warning("%s, which is tried again: %s", what_is_away(error), error)
        look_again()


def what_is_away(error: Exception) -> str:
    """Say which part does not respond, by what it raised."""
    if isinstance(error, STORE_AWAY):
        return "The store of versions is away"
    return "The disk is full, so the database cannot be written" if is_full(error) else "The database is away"


def look_again() -> None:
    """Wait a moment."""
    time.sleep(_LOOK_SECONDS)
