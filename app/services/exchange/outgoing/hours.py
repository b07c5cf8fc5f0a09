"""Hours and counts: for each person and day how much they judged, and how long that took.

Working time is the pace's notion: the seconds that the desk measured on each screen that was judged here and whose
judgment stands, attention checks among them, at most LONGEST_LOOK each. A day is a day of the time zone that is asked
for, and a judgment is of the day on which it was made, also if it was undone later. What files brought is nobody's work
here: people whom they name have rows of their own, with the seconds that the file says.

People are read one after the other and in the order of the index over person and time, so that memory holds a year of
one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta
from sqlalchemy import CTE, ColumnElement, and_, case, column, exists, func, select, values
from sqlalchemy import Date as DateColumn
from sqlalchemy.orm import Session

from app.db import (
    FIRST,
    Candidate,
    Generation,
    Judgment,
    Prompt,
    User,
    Verdict,
    is_member,
    now,
    project_of,
)
from app.domain_errors import Invalid, NotFound
from app.schemas.days import Day, check_days
from app.schemas.kinds import RowId, Search
from app.schemas.reading import Sent
from app.services.desk.pace import LONGEST_LOOK, bounds
from app.services.desk.settings import TimeZone, zone_of
from app.words import N_, gettext
from models.formats.csv_lines import SPREADSHEET

MOST_DAYS = 3_660
USUAL_DAYS = 31
_DAYS_AT_ONCE = 366
_DAY = timedelta(days=1)
COLUMNS = (
    "person",
    "account",
    "imported",
    "day",
    "judgments",
    *map(str, Verdict),
    "flagged",
    "undone",
    "decisions",
    "checks_right",
    "checks_wrong",
    "timed",
    "seconds",
)
"""`judgments` are those of all verdicts, attention checks among them; so many of them were `timed`.

`decisions` are those of a reviewer, which are no judgments here.
"""
FORMATS = {"csv": ("CSV", "text/csv"), "jsonl": ("JSON Lines", "application/x-ndjson")}
Row = dict[str, Any]


class OwnHoursQuery(Sent, frozen=True):
    """Days of one's own work."""

    since: Annotated[Day, Meta(description=f"The first day; else {USUAL_DAYS} days up to the last one.")] | None = None
    until: Annotated[Day, Meta(description="The last day; today unless given.")] | None = None
    time_zone: TimeZone = "UTC"
    format: Annotated[
        Literal["csv", "jsonl"],
        Meta(description="A CSV that is safe to open in a spreadsheet, or a line of JSON for each person and day."),
    ] = "csv"

    def __post_init__(self) -> None:
        """Check the days and the time zone; raises Invalid."""
        check_days(since=self.since, until=self.until)
        zone_of(self.time_zone)

    @property
    def days(self) -> tuple[date, date]:
        """Return the first and the last day; raises Invalid if there are too many between them, or none."""
        last = self.until or usual_days(zone_of(self.time_zone))[1]
        first = self.since or last - _DAY * (USUAL_DAYS - 1)
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Invalid(
                gettext("since must not be after until, and at most %(most)s days before it.", most=MOST_DAYS)
            )
        return first, last


_ONE_OF_THEM = N_("Name a person or an annotator, not both.")


class HoursQuery(OwnHoursQuery, frozen=True):
    """Days of the work of everybody, of one person, or of one whom imported files name."""

    person: Annotated[RowId, Meta(description="Of this person only.")] | None = None
    annotator: Annotated[Search, Meta(description="Of this person only, whom imported files name.")] | None = None

    def __post_init__(self) -> None:
        """Check that at most one person is named; raises Invalid."""
        super().__post_init__()
        if self.person is not None and self.annotator is not None:
            raise Invalid(gettext(_ONE_OF_THEM))


def usual_days(zone: ZoneInfo) -> tuple[date, date]:
    """Return the first and the last of the latest days, up to today."""
    last = now().astimezone(zone).date()
    return last - _DAY * (USUAL_DAYS - 1), last


def content(session: Session, query: HoursQuery) -> Iterator[bytes]:
    """Yield the file piece by piece."""
    found = rows(session, query)
    lines = _csv(found) if query.format == "csv" else (json.dumps(row, ensure_ascii=False) + "\n" for row in found)
    return (line.encode() for line in lines)


def check(session: Session, query: HoursQuery) -> None:
    """Raise Invalid about days that cannot be exported, and NotFound about a person who is not there."""
    _ = query.days
    if query.person is not None and session.get(User, query.person) is None:
        raise NotFound(gettext("There is no user %(id)s.", id=query.person))


def is_known_here(session: Session, person: int) -> bool:
    """Return whether somebody is in the session's project, or has judged in it."""
    judged = select(Judgment.id).where(Judgment.user_id == person).limit(1)
    member = select(User.id).where(User.id == person, is_member(project_of(session) or FIRST))
    return session.scalar(member) is not None or session.scalar(judged) is not None


def rows(session: Session, query: HoursQuery) -> Iterator[Row]:
    """Yield a row for each person and day on which they judged something, the people by their ids."""
    first, last = query.days
    zone = zone_of(query.time_zone)
    chunks = [
        [(day, *bounds(day, zone)) for day in _days(start, min(last, start + _DAY * (_DAYS_AT_ONCE - 1)))]
        for start in _days(first, last, _DAYS_AT_ONCE)
    ]
    if query.annotator is None:
        people = select(User.id, User.name, User.email).order_by(User.id)
        if query.person is not None:
            people = people.where(User.id == query.person)
        for number, name, email in session.execute(people).all():
            who = {"person": name or email, "account": number, "imported": False}
            yield from _of_one(session, who, chunks, Judgment.user_id == number, Judgment.imported.is_(False))
    if query.person is None:
        named = select(Judgment.annotator).distinct().where(Judgment.annotator.is_not(None))
        if query.annotator is not None:
            named = named.where(Judgment.annotator == query.annotator)
        for annotator in session.scalars(named.order_by(Judgment.annotator)).all():
            who = {"person": annotator, "account": None, "imported": True}
            yield from _of_one(session, who, chunks, Judgment.annotator == annotator)


def _of_one(session: Session, who: Row, chunks: Iterable[list[Any]], *whose: ColumnElement[bool]) -> Iterator[Row]:
    for chunk in chunks:
        dated = values(
            column("day", DateColumn),
            column("begin", Judgment.created_at.type),
            column("end", Judgment.created_at.type),
        )
        days = dated.data(chunk).cte("days")
        for found in session.execute(_counted(days, *whose)):
            row = dict(found._mapping)
            yield who | row | {"day": row["day"].isoformat(), "seconds": round(float(row["seconds"] or 0), 1)}


def _counted(days: CTE, *whose: ColumnElement[bool]) -> Any:
    """Return the query of one person's counts by day."""
    stands = and_(Judgment.undone_at.is_(None), ~Judgment.decision)
    check = and_(
        stands,
        Generation.gold,
        Judgment.verdict != Verdict.SKIPPED,
        exists(select(Prompt.id).where(Prompt.id == Generation.prompt_id, Prompt.gold_answer.is_not(None))),
    )
    right = exists(select(Candidate.id).where(Candidate.id == Judgment.candidate_id, Candidate.right.is_(True)))
    seconds = case((Judgment.seconds > LONGEST_LOOK, LONGEST_LOOK), else_=Judgment.seconds)
    figures = {
        "judgments": func.count().filter(stands),
        **{str(verdict): func.count().filter(stands, Judgment.verdict == verdict) for verdict in Verdict},
        "flagged": func.count().filter(stands, Judgment.flagged),
        "undone": func.count().filter(Judgment.undone_at.is_not(None), ~Judgment.decision),
        "decisions": func.count().filter(Judgment.undone_at.is_(None), Judgment.decision),
        "checks_right": func.count().filter(check, right),
        "checks_wrong": func.count().filter(check, ~right),
        "timed": func.count(Judgment.seconds).filter(stands),
        "seconds": func.sum(seconds).filter(stands),
    }
    return (
        select(days.c.day, *(figure.label(name) for name, figure in figures.items()))
        .select_from(days)
        .join(Judgment, and_(Judgment.created_at >= days.c.begin, Judgment.created_at < days.c.end))
        .join(Generation, Generation.id == Judgment.generation_id)
        .where(*whose)
        .group_by(days.c.day)
        .order_by(days.c.day)
    )


def _csv(found: Iterable[Row]) -> Iterator[str]:
    yield SPREADSHEET.header(COLUMNS)
    for row in found:
        cells = ("yes" if value is True else "no" if value is False else value for value in map(row.get, COLUMNS))
        yield SPREADSHEET.line(list(cells))


def _days(first: date, last: date, step: int = 1) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range(0, (last - first).days + 1, step))
