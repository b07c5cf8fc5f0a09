"""Bounds hold: so many screens are drawn at once, in all and by one person."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from app.domain_errors import Overloaded, TooMany
from app.runtime.draws import DRAWS_OF_ONE, WAITING_OF_ONE, Draws
from models.model_errors import NoLongerWanted
from tests.processes import wait_for


def test_all_together_draw_so_many_at_once() -> None:
    draws = Draws(most=3)
    with draws.one(1), draws.one(1), draws.one(2), pytest.raises(Overloaded), draws.one(3):
        pass
    with draws.one(3):
        pass


def test_a_third_draw_of_one_person_waits_for_one_of_the_two_and_others_do_not() -> None:
    draws = Draws()
    drawn = threading.Event()

    def draw() -> None:
        with draws.one(1):
            drawn.set()

    with draws.one(1):
        with draws.one(1):
            third = threading.Thread(target=draw)
            third.start()
            wait_for(lambda: draws._inside[1] == 3)
            with draws.one(2):
                assert not drawn.is_set()
        third.join(10)
    assert drawn.is_set()


def test_so_many_of_one_person_wait_and_a_further_one_is_refused_at_once() -> None:
    draws = Draws()
    with ExitStack() as stack:
        for _ in range(DRAWS_OF_ONE):
            stack.enter_context(draws.one(1))

        def wait() -> None:
            with draws.one(1):
                pass

        waiting = [threading.Thread(target=wait) for _ in range(WAITING_OF_ONE)]
        for thread in waiting:
            thread.start()
        wait_for(lambda: draws._inside[1] == DRAWS_OF_ONE + WAITING_OF_ONE)
        with pytest.raises(TooMany, match=r"^4 texts of yours are being worked on already\.$"), draws.one(1):
            pass
    for thread in waiting:
        thread.join(10)
    assert not draws._inside
    assert not draws._drawing


def test_one_that_waits_too_long_is_refused_and_leaves_its_place() -> None:
    draws = Draws(patience=0.01)
    with draws.one(1), draws.one(1):
        for _ in range(2 * WAITING_OF_ONE):
            with pytest.raises(TooMany, match=r"^2 texts of yours are being worked on already\.$"), draws.one(1):
                pass


def test_a_draw_that_fails_gives_its_place_back() -> None:
    draws = Draws(most=1)
    with pytest.raises(ZeroDivisionError), draws.one(1):
        raise ZeroDivisionError
    with draws.one(1):
        pass


def test_one_that_nobody_waits_for_any_more_leaves_before_its_turn() -> None:
    draws = Draws(most=3)
    looks: list[bool] = []

    def gone() -> bool:
        looks.append(len(looks) == 2)
        return looks[-1]

    with draws.one(1), draws.one(1):
        with pytest.raises(NoLongerWanted), draws.one(1, gone):
            pass
        assert looks == [False, False, True]
        with draws.one(2):
            pass
    assert not draws._inside
    assert not draws._drawing


def test_a_cancelled_draw_frees_its_place_for_the_next() -> None:
    draws = Draws(patience=0.01)
    with draws.one(1):
        with pytest.raises(NoLongerWanted), draws.one(1):
            raise NoLongerWanted("Nobody waits.")
        with draws.one(1):
            pass
