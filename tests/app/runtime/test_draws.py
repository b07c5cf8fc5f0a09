"""How many screens are drawn at once, in all and by one person."""

from __future__ import annotations

import pytest

from app.domain_errors import Overloaded, TooMany
from app.runtime.draws import Draws


def test_one_person_may_draw_so_many_at_once_and_all_together_so_many() -> None:
    draws = Draws(most=3, of_one=2)
    with draws.one(1), draws.one(1):
        with pytest.raises(TooMany), draws.one(1):
            pass
        with draws.one(2):
            with pytest.raises(Overloaded), draws.one(3):
                pass
            with pytest.raises(TooMany), draws.one(1):
                pass
        with draws.one(3):
            pass


def test_a_draw_that_fails_gives_its_place_back() -> None:
    draws = Draws(most=1, of_one=1)
    with pytest.raises(ZeroDivisionError), draws.one(1):
        raise ZeroDivisionError
    with draws.one(1):
        pass
