"""The ids up to which no row can appear any more, for whoever keeps what was counted so far.

In PostgreSQL a row may become visible after one with a higher id: its transaction took the id earlier and ended later.
So once every transaction that was under way when an id was the newest has ended, all rows up to that id are there. In
SQLite, where one transaction writes at a time, the newest id is such an id.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

FAR = 10_000
"""No transaction of PostgreSQL is expected to hold ids this far below the newest."""
NEAR = 1_000
"""A transaction has no number yet between taking an id and writing the row; fewer ids than this are taken meanwhile."""
_UNDER_WAY = text(
    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"
)


class _Look(NamedTuple):
    """The newest id at a look, and the number that the next transaction had then."""

    newest: int
    next_transaction: int


class Settled:
    """Follows the ids of one table."""

    def __init__(self) -> None:
        self._up_to = 0
        self._look: _Look | None = None

    def up_to(self, session: Session, newest: int) -> int:
        """Return the id up to which every row is there that will ever be; `newest` was just read."""
        connection = session.connection()
        if connection.dialect.name != "postgresql":
            return newest
        oldest_under_way, next_transaction = connection.execute(_UNDER_WAY).one()
        if self._look is not None and oldest_under_way >= self._look.next_transaction:
            self._up_to, self._look = max(self._up_to, self._look.newest - NEAR), None
        if self._look is None:
            self._look = _Look(newest, next_transaction)
        return max(self._up_to, newest - FAR)
