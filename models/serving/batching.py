"""Dynamic batching: items that arrive while a batch is processed form the next batch; a single item never waits.

There is no background thread and no time window. A caller that finds the batcher idle starts at once, in its own
thread; callers that arrive meanwhile wait, and the one whose turn it is then processes all items that fit together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(Generic[Item, Result]):
    """A waiting item, and its result or error."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.called = threading.Event()
        self.settled = False
        self.result: Result | None = None
        self.error: BaseException | None = None

    def settle(self, result: Result | None, error: BaseException | None) -> None:
        self.result, self.error, self.settled = result, error, True
        self.called.set()


class Batcher(Generic[Item, Result]):
    """Calls `work` with one batch at a time; may be called from several threads.

    `work` takes items and returns a result for each. `fits` returns whether an item may join those already in a batch.
    The item with the lowest `turn` begins the next batch and is the first to be tried for it; among equals, the one
    that came first.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        fits: Callable[[Sequence[Item], Item], bool],
        turn: Callable[[Item], int] = lambda item: 0,
    ) -> None:
        self._work = work
        self._fits = fits
        self._turn = turn
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[Item, Result]] = []
        self._busy = False

    def __call__(self, item: Item) -> Result:
        """Return the item's result; raises what `work` raises for this item, even if others of its batch succeed."""
        place: _Waiting[Item, Result] = _Waiting(item)
        with self._lock:
            self._waiting.append(place)
            first, self._busy = not self._busy, True
        if not first:
            place.called.wait()
        if not place.settled:  # the batcher was idle, or the last leader passed the turn to this caller
            self._lead(place)
        if place.error is not None:
            raise place.error
        return place.result  # type: ignore[return-value]  # None only if that is the result

    def _lead(self, place: _Waiting[Item, Result]) -> None:
        """Process a batch that begins with the caller's item, then wake the caller whose turn is next."""
        with self._lock:
            batch = self._batch_of(place)
        try:
            self._settle(batch)
        finally:
            with self._lock:
                self._busy = bool(self._waiting)
                if self._waiting:
                    self._in_turn()[0].called.set()

    def _batch_of(self, first: _Waiting[Item, Result]) -> list[_Waiting[Item, Result]]:
        batch = [first]
        self._waiting.remove(first)
        for place in self._in_turn():
            if self._fits([taken.item for taken in batch], place.item):
                batch.append(place)
                self._waiting.remove(place)
        return batch

    def _in_turn(self) -> list[_Waiting[Item, Result]]:
        return sorted(self._waiting, key=lambda place: self._turn(place.item))

    def _settle(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        """Process a batch and settle every item; if a batch of several fails, process each item by itself."""
        try:
            results = self._work([place.item for place in batch])
            for place, result in zip(batch, results, strict=True):
                place.settle(result, None)
        except Exception as error:
            if len(batch) == 1:
                batch[0].settle(None, error)
                return
            for place in batch:
                self._settle([place])
        except BaseException as error:  # the process ends: wake every caller
            for place in batch:
                place.settle(None, error)
