"""A head in words: what is liked, how often it is preferred, and what is unclear."""

from __future__ import annotations

import numpy as np
import pytest

from app.services.training.reward.head_in_words import likings
from models.reward.features import NAMED, SIZE, standard
from models.reward.head import Head, fit
from models.reward.judgments import JudgedScreen

WIDTHS = (0.5, 0.2, 0.1)
NAMES = [number.name for number in NAMED]


def liking(name: str, clicks: int, value: float = 1.0) -> Head:
    """Of people who choose the card with more of that feature, among cards that differ as samples do."""
    usual = standard().together[NAMES.index(name)]
    return fit([JudgedScreen([value * usual, -value * usual], (0,))] * clicks, WIDTHS)


def test_what_is_liked_comes_first_with_the_word_for_its_direction() -> None:
    found = likings(liking("words", 40, -1.0))
    assert len(found) == len(NAMED)
    said = {one.what: one for one in found}
    assert said["shorter"].strength in ("clearly", "strongly")
    assert 50 < said["shorter"].low < said["shorter"].often < said["shorter"].high < 100
    assert "longer" not in said
    clear = [one for one in found if one.strength != "unclear"]
    assert found[: len(clear)] == clear
    assert [one.often for one in clear] == sorted((one.often for one in clear), reverse=True)


def test_one_click_leaves_everything_unclear_and_more_make_it_surer() -> None:
    assert {one.strength for one in likings(liking("exclamation_marks", 1))} == {"unclear"}
    few, many = ({one.what: one for one in likings(liking("commas", clicks))}["more commas"] for clicks in (5, 60))
    assert many.often > few.often
    assert many.low > few.low


def test_without_an_opinion_all_is_even() -> None:
    head = fit([JudgedScreen([np.zeros(SIZE)] * 3, (0,))], WIDTHS)
    for one in likings(head):
        assert one.often == pytest.approx(50)
        assert one.strength == "unclear"
