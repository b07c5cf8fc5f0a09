"""Amount and speed of one person's judging in a project: today, in this sitting, in a row of days, per minute.

Only judgments that stand and were made on a screen here are counted: attention checks among them, as nobody is to tell
them from other screens, but none that were imported. A day is a day of the person's own time zone. Every query reads a
range of the index over person and time, so it stays quick however large the table is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, bindparam, case, exists, func, select
from sqlalchemy.orm import Session

from app.db import Judgment, now, project_of
from app.services.system.counts import made_here

CHART_DAYS = 14
LONGEST_STREAK = 366
_DAYS_AT_ONCE = 31
LONGEST_LOOK = 120.0
"""Seconds on one screen above which the rest is not counted: the person has left the desk."""
SITTING_GAP = timedelta(minutes=30)
"""A pause of this length ends a sitting, here and in the script of the desk."""
_MOST_OF_A_SITTING = 2_000
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Tally:
    """Number of judged screens, how many of them have known seconds (`timed`), and the sum of those seconds."""

    judged: int = 0
    timed: int = 0
    seconds: float = 0.0

    @property
    def per_minute(self) -> float | None:
        """Return the screens judged per minute of looking; None before any was timed."""
        return round(60 * self.timed / self.seconds, 1) if self.seconds > 0 else None

    @property
    def seconds_each(self) -> int | None:
        """Return the seconds that a screen was looked at on average, at least one; None before any was timed."""
        return max(1, round(self.seconds / self.timed)) if self.timed else None


@dataclass(frozen=True)
class Sitting:
    """Judgments without a long pause up to now: their number, and the minutes from the first to now.

    `idle_seconds` are those since the last one: how much of a pause is over already.
    """

    judged: int = 0
    minutes: int = 0
    idle_seconds: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Day:
    """One day of the chart, and its height as a share of the highest."""

    date: date
    judged: int
    share: float


def today(session: Session, user_id: int, zone: ZoneInfo, at: datetime | None = None) -> Tally:
    """Count the judgments since the person's last midnight, and their seconds."""
    day = (at or now()).astimezone(zone).date()
    capped = case((Judgment.seconds > LONGEST_LOOK, LONGEST_LOOK), else_=Judgment.seconds)
    query = select(func.count(), func.count(Judgment.seconds), func.sum(capped)).where(
        *_standing(user_id), *_within(day, zone)
    )
    judged, timed, seconds = session.execute(query).one()
    return Tally(judged, timed, round(float(seconds or 0), 1))


def sitting(session: Session, user_id: int, at: datetime | None = None) -> Sitting:
    """Return the current sitting; empty after a long pause."""
    at = at or now()
    moments = session.scalars(
        select(Judgment.created_at)
        .where(*_standing(user_id), Judgment.created_at > at - _DAY, Judgment.created_at <= at)
        .order_by(Judgment.created_at.desc())
        .limit(_MOST_OF_A_SITTING)
    )
    judged, earliest, latest = 0, at, at
    for moment in moments:
        if earliest - moment >= SITTING_GAP:
            break
        judged, earliest, latest = judged + 1, moment, latest if judged else moment
    return Sitting(judged, round((at - earliest).total_seconds() / 60), round((at - latest).total_seconds()))


def streak(session: Session, user_id: int, zone: ZoneInfo, at: datetime | None = None) -> int:
    """Count the days in a row with a judgment, up to today, or up to yesterday while today has none."""
    day = (at or now()).astimezone(zone).date()
    if not session.scalar(select(exists(select(Judgment.id).where(*_standing(user_id), *_within(day, zone))))):
        day -= _DAY
    days = 0
    while days < LONGEST_STREAK:
        asked = [day - _DAY * back for back in range(_DAYS_AT_ONCE)]
        moments = {f"m{back}": bounds(each, zone)[0] for back, each in enumerate([day + _DAY, *asked])}
        worked = session.connection().execute(_WORKED, {**_whose(session, user_id), **moments}).one()
        whole = list(takewhile(bool, worked))
        days, day = days + len(whole), day - _DAY * len(whole)
        if len(whole) < len(asked):
            break
    return min(days, LONGEST_STREAK)


def chart(session: Session, user_id: int, zone: ZoneInfo, at: datetime | None = None) -> Sequence[Day]:
    """Return the last fourteen days, the oldest first."""
    last = (at or now()).astimezone(zone).date()
    dates = [last - _DAY * back for back in reversed(range(CHART_DAYS))]
    moments = {f"m{number}": bounds(each, zone)[0] for number, each in enumerate([*dates, last + _DAY])}
    counts = list(session.connection().execute(_COUNTED, {**_whose(session, user_id), **moments}).one())
    highest = max(counts) or 1
    return [Day(each, count, count / highest) for each, count in zip(dates, counts, strict=True)]


def total(session: Session, user_id: int) -> int:
    """Count all standing judgments that a person made here."""
    return session.scalar(select(func.count()).select_from(Judgment).where(*_standing(user_id))) or 0


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the beginning and the end (excluded) of a day of that zone, in UTC."""
    begin, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + _DAY))
    return begin, end


def _standing(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return Judgment.user_id == user_id, *made_here()


def _within(day: date, zone: ZoneInfo) -> tuple[ColumnElement[bool], ...]:
    begin, end = bounds(day, zone)
    return Judgment.created_at >= begin, Judgment.created_at < end


def _whose(session: Session, user_id: int) -> dict[str, int | None]:
    """Return the parameters of `_between` that say whose judgments are counted."""
    return {"person": user_id, "project": project_of(session)}


def _between(begin: str, end: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of a person's standing judgments in a project between two moments, all as parameters."""
    return (
        Judgment.user_id == bindparam("person"),
        Judgment.project_id == bindparam("project"),
        *made_here(),
        Judgment.created_at >= bindparam(begin, type_=Judgment.created_at.type),
        Judgment.created_at < bindparam(end, type_=Judgment.created_at.type),
    )


# Built once: building a query of thirty parts takes longer than executing it.
_WORKED = select(
    *(exists(select(Judgment.id).where(*_between(f"m{back + 1}", f"m{back}"))) for back in range(_DAYS_AT_ONCE))
)
_COUNTED = select(
    *(
        select(func.count()).where(*_between(f"m{number}", f"m{number + 1}")).scalar_subquery()
        for number in range(CHART_DAYS)
    )
)
