"""When each version was live: the periods, from the audit log, and the bars of their timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import AuditEvent, User, serving_alias

_MOST_MOVES = 500
_NARROWEST = 0.5
"""The least width of a bar, in percent of the timeline: narrower ones could not be seen."""


@dataclass(frozen=True)
class Period:
    """A period in which a version was live; `until` is None while it lasts, `by` the person who promoted it, if any."""

    number: int
    since: datetime
    until: datetime | None
    by: str | None


@dataclass(frozen=True)
class Bar:
    """A period as it is drawn: where it begins and how wide it is, in percent of the timeline's width."""

    left: float
    width: float
    period: Period


@dataclass(frozen=True)
class Row:
    """A version of the timeline: its bars, the first one first, and how long it was live within the timeline."""

    number: int
    bars: tuple[Bar, ...]
    total: timedelta

    @property
    def live(self) -> bool:
        """Return whether it is live now."""
        return self.bars[-1].period.until is None


@dataclass(frozen=True)
class Timeline:
    """The versions that were live since a moment, the latest first."""

    since: datetime
    rows: tuple[Row, ...]


def periods(session: Session, number: int | None = None) -> list[Period]:
    """Return the periods in which versions were live, the latest first; of one version only, if `number` is given."""
    moves = session.execute(
        select(AuditEvent, User)
        .join(User, User.id == AuditEvent.user_id, isouter=True)
        .where(AuditEvent.action == "alias.moved", AuditEvent.subject == serving_alias(session))
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


def timeline(shown: Sequence[Period], now: datetime) -> Timeline | None:
    """Lay out periods, the latest first, from the beginning of the earliest until now; None without any."""
    if not shown:
        return None
    since = shown[-1].since
    whole = max(now - since, timedelta(seconds=1))
    numbers = dict.fromkeys(period.number for period in shown)
    rows = []
    for number in numbers:
        mine = [period for period in reversed(shown) if period.number == number]
        lasted = [(period.until or now) - period.since for period in mine]
        bars = tuple(
            _bar((period.since - since) / whole, one / whole, period) for period, one in zip(mine, lasted, strict=True)
        )
        rows.append(Row(number, bars, sum(lasted, timedelta())))
    return Timeline(since, tuple(rows))


def _bar(start: float, share: float, period: Period) -> Bar:
    width = max(100 * share, _NARROWEST)
    return Bar(min(100 * start, 100 - width), width, period)
