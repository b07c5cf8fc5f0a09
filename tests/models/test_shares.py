"""Shares with intervals."""

from __future__ import annotations

from models.shares import Share


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


def test_a_share_is_told_with_its_interval() -> None:
    assert str(Share(5, 10)) == "5 of 10 [24%, 76%]"
