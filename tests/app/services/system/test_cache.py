"""Answers that are kept: until their stamp changes, for each database by itself, and not without end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.services.system import cache
from app.services.system.cache import recalled, remembered


class Counter:
    """Says how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


@pytest.fixture
def other() -> Iterator[Session]:
    """A session on another database."""
    engine = create_engine("sqlite://")
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_an_answer_is_computed_once_as_long_as_the_stamp_is_the_same(session: Session) -> None:
    compute = Counter()
    assert [remembered(session, "key", (1, "a"), compute) for _ in range(3)] == [1, 1, 1]
    assert remembered(session, "key", (2, "a"), compute) == 2
    assert remembered(session, "key", (1, "a"), compute) == 3, "only the latest answer is kept"


def test_an_answer_of_nothing_is_kept_too(session: Session) -> None:
    compute = Counter()

    def nothing() -> None:
        compute()

    for _ in range(3):
        remembered(session, "key", 1, nothing)
    assert compute.asked == 1


def test_each_key_and_each_database_has_an_answer_of_its_own(session: Session, other: Session) -> None:
    compute = Counter()
    assert [remembered(asked, key, 1, compute) for asked in (session, other) for key in ("a", "b")] == [1, 2, 3, 4]
    assert [remembered(asked, key, 1, compute) for asked in (session, other) for key in ("a", "b")] == [1, 2, 3, 4]


def test_two_sessions_of_one_database_share_what_is_kept(session: Session) -> None:
    compute = Counter()
    remembered(session, "key", 1, compute)
    with Session(session.get_bind()) as second:
        assert remembered(second, "key", 1, compute) == 1


def test_what_fails_is_asked_again(session: Session) -> None:
    def fail() -> int:
        raise KeyError

    with pytest.raises(KeyError):
        remembered(session, "key", 1, fail)
    assert remembered(session, "key", 1, lambda: 7) == 7


def test_when_there_are_too_many_answers_it_begins_anew(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 3)
    compute = Counter()
    assert [remembered(session, key, 1, compute) for key in "abc"] == [1, 2, 3]
    assert [remembered(session, key, 1, compute) for key in "abc"] == [1, 2, 3]
    assert remembered(session, "d", 1, compute) == 4
    assert [remembered(session, key, 1, compute) for key in "da"] == [4, 5]


def test_the_latest_answer_is_recalled_whatever_its_stamp_was(session: Session, other: Session) -> None:
    assert recalled(session, "key") is None
    remembered(session, "key", 1, lambda: "first")
    remembered(session, "key", 2, lambda: "second")
    assert recalled(session, "key") == (2, "second")
    assert recalled(session, "another") is None
    assert recalled(other, "key") is None
