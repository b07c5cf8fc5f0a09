"""Waiting for the database while it is away: restarted, locked by a backup, cut off for a while, or on a full disk.

A run takes hours and the database is needed for moments of it, so that nothing of a run is given up or deleted because
the database does not respond. After DATABASE_WAIT_SECONDS the worker leaves the run as it is: its folder stays, the web
process finds that nobody works on it, and the next attempt goes on from its last checkpoint.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from app.db.full_disk import is_full

log = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError, NoConnection)
"""What a database raises that does not respond, refuses connections, or can be neither read nor written for now."""

DATABASE_WAIT_SECONDS = 600.0
"""The longest wait for the database at the end of a run."""
_LOOK_SECONDS = 1.0

Result = TypeVar("Result")


def patiently(call: Callable[[], Result]) -> Result:
    """Return what `call` returns, called again while the database is away; it must do no harm when done twice.

    Raises one of DATABASE_AWAY after DATABASE_WAIT_SECONDS.
    """
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    while True:
        try:
            return call()
        except DATABASE_AWAY as error:
            if time.monotonic() >= deadline:
                raise
            what = "The disk is full, so the database cannot be written" if is_full(error) else "The database is away"
            log.warning("%s, which is tried again: %s", what, error)
        look_again()


def look_again() -> None:
    """Wait a moment."""
    time.sleep(_LOOK_SECONDS)
