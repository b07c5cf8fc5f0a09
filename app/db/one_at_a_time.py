"""Transactions that must not run beside each other, whatever rows they read and write."""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session


class Turn(IntEnum):
    """Names of what one transaction does at a time; the number is that of PostgreSQL's advisory lock."""

    AUDIT_LOG = 7_301
    GUESSES = 7_302
    FIRST_ADMIN = 7_303
    MIGRATIONS = 7_304
    ASSIGNMENTS = 7_305


def one_at_a_time(session: Session, turn: Turn) -> None:
    """Wait for the other transactions that took this turn to end; they wait for the running one from now on.

    On SQLite nothing is to be done in a `write_transaction`: only one writes at a time.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(int(turn))))
