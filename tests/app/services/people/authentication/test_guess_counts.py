"""Counts in the database end after their time, and are removed then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import GuessCount, now
from app.services.people.authentication import guess_counts
from app.services.people.authentication.guess_counts import Limit, Taken
from tests.studio import rows

SHORT, LONG = Limit("short", 2, 300), Limit("long", 3, 900)


def taken(session: Session) -> dict[str, int]:
    return {count.key: count.taken for count in rows(session, GuessCount)}


def test_a_place_is_taken_in_every_count_or_in_none(session: Session) -> None:
    assert [guess_counts.take(session, [SHORT, LONG]) for _ in range(2)] == [Taken(0, 1), Taken(0, 2)]
    refused = guess_counts.take(session, [SHORT, LONG])
    assert (299 <= refused.wait <= 300, refused.nth) == (True, 1)
    assert taken(session) == {"long": 2, "short": 2}
    assert guess_counts.take(session, [LONG]) == Taken(0, 3)


def test_of_two_full_counts_the_longer_says_how_long_to_wait(session: Session) -> None:
    for limit in (SHORT, SHORT, LONG, LONG, LONG):
        guess_counts.take(session, [limit])
    assert 899 <= guess_counts.take(session, [SHORT, LONG]).wait <= 900


def test_a_place_is_given_back_once_and_counts_never_fall_below_nothing(session: Session) -> None:
    guess_counts.take(session, [SHORT, LONG])
    guess_counts.take(session, [LONG])
    for _ in range(2):
        guess_counts.give_back(session, ["short", "long", "unknown"])
    assert taken(session) == {"long": 0, "short": 0}


def test_counts_whose_time_is_over_are_removed_and_begin_anew(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        guess_counts.take(session, [SHORT, LONG])
    later = now() + timedelta(seconds=301)
    monkeypatch.setattr(guess_counts, "now", lambda: later)
    assert guess_counts.take(session, [Limit("other", 1, 1)]) == Taken(0, 1)
    assert taken(session) == {"long": 2, "other": 1}
    assert guess_counts.take(session, [SHORT, LONG]) == Taken(0, 1)
