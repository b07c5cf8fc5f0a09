"""Shares with intervals, and uneven counts."""

from __future__ import annotations

import math

import pytest

from app.services.system.intervals import Share, unevenness


def test_the_interval_of_a_share_is_wilsons() -> None:
    """81 of 263, an example of Newcombe (1998), table I: 0.2553 to 0.3662."""
    share = Share(81, 263)
    assert (round(share.low, 4), round(share.high, 4)) == (0.2553, 0.3662)
    assert share.value == 81 / 263


def test_none_and_all_of_few_still_leave_room() -> None:
    """0 of 20 in the same table: 0 to 0.1611; all of 20 is its mirror image."""
    assert (Share(0, 20).low, round(Share(0, 20).high, 4)) == (0.0, 0.1611)
    assert (round(Share(20, 20).low, 4), Share(20, 20).high) == (0.8389, 1.0)


def test_out_of_nothing_there_is_no_share() -> None:
    share = Share(0, 0)
    assert (share.value, share.low, share.high) == (None, 0.0, 1.0)


def test_even_counts_are_what_chance_gives_and_uneven_ones_are_rare() -> None:
    assert unevenness((10, 10, 10)) == 1.0
    assert unevenness((0, 0, 0)) == 1.0
    # Expected 20 each: (400 + 0 + 400) / 20 = 40, and exp(-20).
    assert unevenness((40, 20, 0)) == pytest.approx(math.exp(-20))
    # The 95 % quantile of chi-square with two degrees of freedom is 5.991: 24 + 25 + 11 over 20 gives 6.1.
    assert unevenness((24, 25, 11)) == pytest.approx(math.exp(-(16 + 25 + 81) / 20 / 2))
    assert unevenness((24, 25, 11)) < 0.05


def test_only_three_counts_can_be_compared() -> None:
    with pytest.raises(ValueError, match="three counts"):
        unevenness((1, 2))
