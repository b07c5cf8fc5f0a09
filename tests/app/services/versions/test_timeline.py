"""When each version was live: from the audit log, and drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.services.versions import timeline, versions
from app.services.versions.timeline import Period
from tests import factories
from tests.studio import Person

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def test_the_periods_follow_each_other(session: Session, admin: Person) -> None:
    for number in (1, 2):
        factories.version(session, number)
    for number in (1, 2, 1):
        versions.promote(session, number, admin.id)
    latest, middle, first = timeline.periods(session)
    assert [latest.number, middle.number, first.number] == [1, 2, 1]
    assert latest.until is None
    assert (middle.until, first.until) == (latest.since, middle.since)
    assert latest.by == admin.email
    assert [period.number for period in timeline.periods(session, 2)] == [2]
    assert timeline.periods(session, 2)[0].until == latest.since


def test_a_version_that_was_live_twice_has_two_bars_in_its_row() -> None:
    shown = [
        Period(1, hours(8), None, "ada"),
        Period(2, hours(4), hours(8), None),
        Period(1, NOON, hours(4), None),
    ]
    found = timeline.timeline(shown, hours(16))
    assert found is not None
    assert found.since == NOON
    assert [(row.number, row.live, row.total) for row in found.rows] == [
        (1, True, timedelta(hours=12)),
        (2, False, timedelta(hours=4)),
    ]
    assert [(bar.left, bar.width) for bar in found.rows[0].bars] == [(0, 25), (50, 50)]
    assert [(bar.left, bar.width) for bar in found.rows[1].bars] == [(25, 25)]


def test_a_moment_can_still_be_seen_and_stays_within_the_drawing() -> None:
    shown = [
        Period(3, hours(1000), None, None),
        Period(2, hours(0.001), hours(1000), None),
        Period(1, NOON, hours(0.001), None),
    ]
    found = timeline.timeline(shown, hours(1000))
    assert found is not None
    for row in found.rows:
        for bar in row.bars:
            assert bar.width >= 0.5
            assert 0 <= bar.left <= bar.left + bar.width <= 100 + 1e-9


def test_the_very_first_moment_is_drawn() -> None:
    found = timeline.timeline([Period(1, NOON, None, None)], NOON)
    assert found is not None
    assert found.rows[0].total == timedelta()


def test_without_periods_nothing_is_drawn() -> None:
    assert timeline.timeline([], NOON) is None
