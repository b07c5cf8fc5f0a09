"""Dynamic batching: who is alone begins at once, those who come meanwhile go together, and nobody pays for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from models.serving.batching import Batcher
from tests.processes import wait_for


class Kitchen:
    """Work that stops at a door, so that a test decides who comes meanwhile; it doubles what it is given."""

    def __init__(self, fits: Callable[[Sequence[int], int], bool] = lambda batch, item: True) -> None:
        self.batches: list[list[int]] = []
        self.cooks: list[str] = []
        self.door = threading.Event()
        self.refused: set[int] = set()
        self.batcher = Batcher(self._work, fits)
        self.pool = ThreadPoolExecutor(8)

    def _work(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.cooks.append(threading.current_thread().name)
        assert self.door.wait(30)
        if self.refused & set(items):
            raise ValueError(f"{sorted(self.refused & set(items))} cannot be done")
        return [2 * item for item in items]

    def come(self, *items: int) -> list[Future[int]]:
        """Each of the items comes in a thread of its own, one after the other; the first finds nobody at work."""
        futures = []
        for waiting, item in enumerate(items):
            futures.append(self.pool.submit(self.batcher, item))
            if waiting == 0:
                wait_for(lambda: self.batches, what="the first at work")
            else:
                wait_for(lambda wanted=waiting: len(self.batcher._waiting) == wanted, what="one more waiting")  # type: ignore[misc]
        return futures


def test_who_is_alone_begins_at_once_in_their_own_thread() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    assert [kitchen.batcher(item) for item in (1, 2, 3)] == [2, 4, 6]
    assert kitchen.batches == [[1], [2], [3]]
    assert set(kitchen.cooks) == {threading.current_thread().name}


def test_those_who_come_meanwhile_go_together_in_the_order_they_came() -> None:
    kitchen = Kitchen()
    futures = kitchen.come(1, 2, 3, 4)
    kitchen.door.set()
    assert [future.result(30) for future in futures] == [2, 4, 6, 8]
    assert kitchen.batches == [[1], [2, 3, 4]]


def test_those_who_do_not_fit_go_later_and_the_one_who_waited_longest_is_always_next() -> None:
    def alike(batch: Sequence[int], item: int) -> bool:
        return item % 2 == batch[0] % 2 and len(batch) < 3

    kitchen = Kitchen(alike)
    futures = kitchen.come(1, 2, 3, 4, 5, 7, 9)
    kitchen.door.set()
    assert [future.result(30) for future in futures] == [2, 4, 6, 8, 10, 14, 18]
    assert kitchen.batches == [[1], [2, 4], [3, 5, 7], [9]]


def test_whose_turn_is_earlier_begins_the_next_batch() -> None:
    kitchen = Kitchen()
    kitchen.batcher = Batcher(kitchen._work, lambda batch, item: len(batch) < 2, turn=lambda item: -item)
    futures = kitchen.come(1, 2, 9, 4, 5)
    kitchen.door.set()
    assert [future.result(30) for future in futures] == [2, 4, 18, 8, 10]
    assert kitchen.batches == [[1], [9, 5], [4, 2]]


def test_what_cannot_be_done_for_one_is_done_for_the_others() -> None:
    kitchen = Kitchen()
    kitchen.refused = {3}
    futures = kitchen.come(1, 2, 3, 4)
    kitchen.door.set()
    assert [futures[place].result(30) for place in (0, 1, 3)] == [2, 4, 8]
    with pytest.raises(ValueError, match="3"):
        futures[2].result(30)
    assert kitchen.batches == [[1], [2, 3, 4], [2], [3], [4]]


def test_after_an_error_the_next_is_worked_for() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    kitchen.refused = {1}
    with pytest.raises(ValueError, match="cannot be done"):
        kitchen.batcher(1)
    assert kitchen.batcher(2) == 4


def test_what_ends_the_process_leaves_nobody_waiting() -> None:
    class Ending(BaseException):
        pass

    kitchen = Kitchen()

    def work(items: Sequence[int]) -> list[int]:
        kitchen.batches.append(list(items))
        assert kitchen.door.wait(30)
        if len(items) > 1:
            raise Ending
        return [2 * item for item in items]

    kitchen.batcher = Batcher(work, lambda batch, item: len(batch) < 2)
    futures = kitchen.come(1, 2, 3, 4)
    kitchen.door.set()
    assert futures[0].result(30) == 2
    assert [type(futures[place].exception(30)) for place in (1, 2)] == [Ending, Ending]
    assert futures[3].result(30) == 8


def test_many_threads_get_each_their_own() -> None:
    batcher: Batcher[int, int] = Batcher(
        lambda items: [item * item for item in items], lambda batch, item: len(batch) < 5
    )
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(batcher, range(2000))) == [number * number for number in range(2000)]
