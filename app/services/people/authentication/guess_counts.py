"""Counts of guesses in the database, for the time in which the queue's server, which has them otherwise, is away."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from math import ceil
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db import GuessCount, Turn, now, one_at_a_time, write_transaction


class Limit(NamedTuple):
    """Places of a count, within so many seconds of the first that is taken."""

    key: str
    places: int
    seconds: int


class Taken(NamedTuple):
    """The outcome of one guess: `wait` is 0 if it has its places, else for how many seconds a count stays full.

    `nth` is its number: among those with a place in the first count, or among those that the full one refused.
    """

    wait: int
    nth: int


def take(session: Session, limits: Sequence[Limit]) -> Taken:
    """Take a place in every count, or in none if any is full; counts whose time is over are removed."""
    with write_transaction(session):
        one_at_a_time(session, Turn.GUESSES)
        moment = now()
        session.execute(delete(GuessCount).where(GuessCount.until <= moment))
        keys = [limit.key for limit in limits]
        counts = {count.key: count for count in session.scalars(select(GuessCount).where(GuessCount.key.in_(keys)))}
        full = [counts[key] for key, places, _ in limits if key in counts and counts[key].taken >= places]
        if full:
            longest = max(full, key=lambda count: count.until)
            longest.refused += 1
            return Taken(ceil((longest.until - moment).total_seconds()), longest.refused)
        for key, _, seconds in limits:
            if key not in counts:
                counts[key] = GuessCount(key=key, taken=0, refused=0, until=moment + timedelta(seconds=seconds))
                session.add(counts[key])
            counts[key].taken += 1
        return Taken(0, counts[limits[0].key].taken)


def give_back(session: Session, keys: Collection[str]) -> None:
    """Give back a place in each count that has any taken."""
    with write_transaction(session):
        one_at_a_time(session, Turn.GUESSES)
        taken = GuessCount.key.in_(keys) & (GuessCount.taken > 0)
        session.execute(update(GuessCount).where(taken).values(taken=GuessCount.taken - 1))
