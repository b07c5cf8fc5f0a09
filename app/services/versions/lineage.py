"""The tree of versions, laid out to be drawn, and the periods in which each version was live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import SERVING, AuditEvent, User, Version

_MOST_MOVES = 500


@dataclass(frozen=True)
class Line:
    """A line through half a row, from lane `top` at its upper edge to lane `bottom` at its lower; lane 0 is left."""

    top: int
    bottom: int


@dataclass(frozen=True)
class Row:
    """One version of the drawing. `above` runs from the row's upper edge to its middle, `below` on to its lower edge.

    A line that only passes by is in both.
    """

    version: Version
    lane: int
    above: tuple[Line, ...]
    below: tuple[Line, ...]
    lanes: int


@dataclass(frozen=True)
class Period:
    """A period in which a version was live; `until` is None while it lasts, `by` the person who promoted it, if any."""

    number: int
    since: datetime
    until: datetime | None
    by: str | None


def rows(versions: Sequence[Version]) -> list[Row]:
    """Lay out the drawing's rows, newest first: each version below its descendants, a branch in a lane of its own.

    A version waits in every lane where a child of it was drawn; the leftmost of them becomes its own, the others join
    it there, and its parent then waits in that lane. A version without children begins in the first free lane.
    """
    waiting: list[int | None] = []
    drawn: list[Row] = []
    for version in sorted(versions, key=lambda version: version.number, reverse=True):
        mine = [lane for lane, number in enumerate(waiting) if number == version.number]
        lane = mine[0] if mine else _free(waiting)
        others = [other for other, number in enumerate(waiting) if number is not None and other not in mine]
        above = [Line(other, other) for other in others] + [Line(joining, lane) for joining in mine]
        for joining in mine:
            waiting[joining] = None
        if lane == len(waiting):
            waiting.append(None)
        waiting[lane] = version.parent_number
        below = [Line(other, other) for other in others]
        if version.parent_number is not None:
            below.append(Line(lane, lane))
        drawn.append(Row(version, lane, tuple(above), tuple(below), len(waiting)))
        while waiting and waiting[-1] is None:
            waiting.pop()
    most = max((row.lanes for row in drawn), default=0)
    return [Row(row.version, row.lane, row.above, row.below, most) for row in drawn]


def periods(session: Session, number: int | None = None) -> list[Period]:
    """Return the periods in which versions were live, the latest first; of one version only, if `number` is given."""
    moves = session.execute(
        select(AuditEvent, User)
        .join(User, User.id == AuditEvent.user_id, isouter=True)
        .where(AuditEvent.action == "alias.moved", AuditEvent.subject == SERVING)
        .order_by(AuditEvent.id.desc())
        .limit(_MOST_MOVES)
    )
    found, until = [], None
    for event, user in moves:
        by = (user.name or user.email) if user else None
        period = Period(int(event.details["after"]), event.created_at, until, by)
        until = event.created_at
        if number is None or period.number == number:
            found.append(period)
    return found


def _free(waiting: Sequence[int | None]) -> int:
    return next((lane for lane, number in enumerate(waiting) if number is None), len(waiting))
