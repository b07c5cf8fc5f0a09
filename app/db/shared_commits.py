"""Shared commits: writes that arrive at the same moment share one transaction, and so one wait for the disk.

The first thread that has something to write leads: it takes all waiting writes, executes and commits them, and passes
the lead to the first that has arrived meanwhile. No caller returns before its commit. If a shared transaction fails,
for whatever reason, it is rolled back and each thread tries its own write in a transaction of its own, so that an error
in one never affects another.

On PostgreSQL this saves each click its own `BEGIN`, `COMMIT` and look for webhooks. A write there may have to wait for
a row that another transaction holds. A leading thread waits for a row for at most LOCK_MILLISECONDS; then its
transaction fails as above, even if it holds one write alone, and who waits for the row does so without the lead. Since
each of its writes may wait that long, it takes no further one after so much time, and leaves those to the next leader.
So nobody leads for much more than twice that time because of rows, and no two processes wait for each other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db.engine import WRITES, turn_to_write

MOST_SHARED = 64
LOCK_MILLISECONDS = 100
_LOCK_TIMED_OUT = "55P03"  # PostgreSQL's lock_not_available

T = TypeVar("T")


def write_with_others(session: Session, write: Callable[[Connection], T]) -> T:
    """Run `write` in a shared transaction and return its result after the commit; if it raises, nothing is written.

    `write` must be repeatable and must not commit: others use the same connection. It runs in the leading thread,
    outside the session, whose own transaction should be over.
    """
    bind = session.get_bind()
    with _all_lock:
        commits = _all.setdefault(bind.engine, SharedCommits(bind.engine))
    return commits.run(write)


class _Write(Generic[T]):
    """One waiting write; `turn` is released when it is done, or when its thread has to lead or to try it `alone`."""

    def __init__(self, write: Callable[[Connection], T]) -> None:
        self.write = write
        self.turn = threading.Lock()
        self.turn.acquire()
        self.done = False
        self.alone = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def outcome(self) -> T:
        """Return the result of the write, or raise its error."""
        if self.error is not None:
            raise self.error
        assert self.done
        return self.result  # type: ignore[return-value]


class SharedCommits:
    """The writes of one process to one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: list[_Write[Any]] = []
        self._led = False

    def run(self, write: Callable[[Connection], T]) -> T:
        """Run `write` as `write_with_others` describes."""
        one = _Write(write)
        with self._lock:
            self._waiting.append(one)
            leads, self._led = not self._led, True
        if not leads:
            one.turn.acquire()
        if not one.done and not one.alone:
            self._lead()
        if one.alone:
            self._try_alone(one)
        return one.outcome()

    def _lead(self) -> None:
        """Execute the waiting writes, this thread's own first, and pass the lead on."""
        batch: list[_Write[Any]] = []
        try:
            with turn_to_write(self._engine):
                with self._lock:
                    batch, self._waiting = self._waiting[:MOST_SHARED], self._waiting[MOST_SHARED:]
                self._settle(batch, leads=True)
        except BaseException:
            self._fail_uncommitted(batch)
            raise
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._led = successor is not None
            if successor is not None:
                successor.turn.release()
            for one in batch:
                one.turn.release()

    def _fail_uncommitted(self, batch: list[_Write[Any]]) -> None:
        """Fail the writes that were not committed, because the leading thread is being stopped."""
        if not batch:
            with self._lock:
                batch[:], self._waiting = self._waiting, []
        for one in batch:
            if not one.done and not one.alone:
                one.error, one.done = RuntimeError("The process was stopped before this was stored."), True

    def _settle(self, batch: list[_Write[Any]], *, leads: bool, again: bool = True) -> None:
        """Write all in one transaction; if that fails, each is left to its own thread.

        A write that was alone is tried once more if its connection was lost, or without the lead if it had to wait.
        """
        try:
            self._write(batch, leads=leads)
        except Exception as error:
            if len(batch) > 1 or (leads and _had_to_wait(error)):
                for one in batch:
                    one.alone = True
            elif again and isinstance(error, DBAPIError) and error.connection_invalidated:
                self._settle(batch, leads=leads, again=False)
            else:
                batch[0].error, batch[0].done = error, True

    def _try_alone(self, one: _Write[Any]) -> None:
        with turn_to_write(self._engine):
            self._settle([one], leads=False)

    def _write(self, batch: list[_Write[Any]], *, leads: bool) -> None:
        """Write and commit; what a leader has no time for leaves the batch and is first among those that wait."""
        bounded = leads and self._engine.dialect.name == "postgresql"
        results: list[Any] = []
        with self._engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            if bounded:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            begun = time.monotonic()
            for one in batch:
                if bounded and results and time.monotonic() - begun > LOCK_MILLISECONDS / 1000:
                    break
                results.append(one.write(connection))
        with self._lock:
            self._waiting[:0] = batch[len(results) :]
        del batch[len(results) :]
        for one, result in zip(batch, results, strict=True):
            one.result, one.done = result, True


def _had_to_wait(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _LOCK_TIMED_OUT


_all: WeakKeyDictionary[Engine, SharedCommits] = WeakKeyDictionary()
_all_lock = threading.Lock()
