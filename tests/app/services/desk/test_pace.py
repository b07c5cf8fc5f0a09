"""How much one person has judged: worked out by hand from a few moments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app.services.desk import pace
from app.services.desk.pace import Sitting, Tally
from tests import factories
from tests.studio import Person

UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def judged(session: Session, user_id: int, at: datetime, seconds: float | None = None, undone: bool = False) -> None:
    screen = factories.generation(session, user_id)
    undone_at = at if undone else None
    factories.judgment(session, screen, pairs=False, created_at=at, seconds=seconds, undone_at=undone_at)


def test_nothing_done_is_nothing_everywhere(session: Session, annotator: Person) -> None:
    assert pace.today(session, annotator.id, UTC_ZONE) == Tally(0, 0, 0.0)
    assert Tally().per_minute is None
    assert pace.sitting(session, annotator.id) == Sitting(0, 0)
    assert pace.streak(session, annotator.id, UTC_ZONE) == 0
    assert [day.judged for day in pace.chart(session, annotator.id, UTC_ZONE)] == [0] * 14
    assert pace.total(session, annotator.id) == 0


def test_today_counts_what_stands_and_at_most_two_minutes_a_screen(session: Session, annotator: Person) -> None:
    judged(session, annotator.id, NOON, 10)
    judged(session, annotator.id, NOON, 5_000)  # went to lunch
    judged(session, annotator.id, NOON)  # by a program, which did not look
    judged(session, annotator.id, NOON, 10, undone=True)
    judged(session, annotator.id, NOON - timedelta(days=1), 10)
    judged(session, factories.user(session).id, NOON, 10)
    tally = pace.today(session, annotator.id, UTC_ZONE, NOON)
    assert tally == Tally(judged=3, timed=2, seconds=130.0)
    assert tally.per_minute == 0.9  # 2 screens in 130 seconds: 60 * 2 / 130 = 0.92


def test_a_day_begins_at_the_persons_own_midnight(session: Session, annotator: Person) -> None:
    kolkata = ZoneInfo("Asia/Kolkata")  # five and a half hours ahead
    judged(session, annotator.id, datetime(2026, 3, 9, 18, 29, tzinfo=UTC))
    judged(session, annotator.id, datetime(2026, 3, 9, 18, 30, tzinfo=UTC))
    assert pace.today(session, annotator.id, kolkata, NOON).judged == 1
    assert pace.today(session, annotator.id, UTC_ZONE, NOON).judged == 0
    assert [day.judged for day in pace.chart(session, annotator.id, kolkata, NOON)][-2:] == [1, 1]


def test_the_day_the_clocks_change_has_its_own_length() -> None:
    begin, end = pace.bounds(date(2026, 3, 29), ZoneInfo("Europe/Berlin"))
    assert end - begin == timedelta(hours=23)


def test_a_pause_of_half_an_hour_ends_a_sitting(session: Session, annotator: Person) -> None:
    for minutes in (100, 62, 33, 4):
        judged(session, annotator.id, NOON - timedelta(minutes=minutes))
    # 62 → 33 → 4 → now are 29, 29 and 4 minutes apart, 100 → 62 are 38.
    assert pace.sitting(session, annotator.id, NOON) == Sitting(judged=3, minutes=62)
    assert pace.sitting(session, annotator.id, NOON).idle_seconds == 240
    assert pace.sitting(session, annotator.id, NOON + timedelta(minutes=26)) == Sitting(0, 0)


@pytest.mark.parametrize(
    ("days_ago", "streak"),
    [((0, 1, 2), 3), ((1, 2), 2), ((2, 3), 0), ((0, 2, 3), 1)],
)
def test_the_streak_ends_at_the_first_day_without_work(
    session: Session, annotator: Person, days_ago: tuple[int, ...], streak: int
) -> None:
    for days in days_ago:
        judged(session, annotator.id, NOON - timedelta(days=days))
    assert pace.streak(session, annotator.id, UTC_ZONE, NOON) == streak


def test_the_chart_has_fourteen_days_and_its_highest_is_one(session: Session, annotator: Person) -> None:
    for days in (0, 0, 3, 13, 14):
        judged(session, annotator.id, NOON - timedelta(days=days))
    shown = pace.chart(session, annotator.id, UTC_ZONE, NOON)
    assert (shown[0].date, shown[-1].date) == (date(2026, 2, 25), date(2026, 3, 10))
    assert [(day.judged, day.share) for day in shown if day.judged] == [(1, 0.5), (1, 0.5), (2, 1.0)]
    assert pace.total(session, annotator.id) == 5
