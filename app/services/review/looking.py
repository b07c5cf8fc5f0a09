"""Keeping the reviews up to date with the judgments: only what was judged, undone or deleted since is looked at.

Judging itself does not count anything, so that a click takes no longer than before. A background thread looks every few
seconds, and so does whoever opens the page. Where the look stands is kept in the database; each process also remembers
it, so that a look that finds nothing new is three short statements.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.db import (
    FIRST,
    JUDGE,
    Generation,
    Judgment,
    Kept,
    Review,
    ReviewState,
    project_ids,
    project_of,
    within,
    write_transaction,
)
from app.db.settled import Settled
from app.services.review import counting
from app.services.system import counts, marks

SECONDS = 1.0
"""The time that one look takes at most, about; the next one goes on."""
MARK = "review_mark"
_IDS_AT_ONCE = 2_000
_PROMPTS_AT_ONCE = 50
_SLOWEST = timedelta(minutes=1)
"""No transaction that undoes a judgment is expected to take longer."""
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class _Place:
    """Where one process stands in a project: each judgment up to an id was looked at, and the later ones `known`.

    Judgments undone before a moment were looked at, and so were deletions up to a mark.
    """

    begun: bool = False
    up_to: int = 0
    stored: int = 0
    known: set[int] = field(default_factory=set)
    undone: tuple[Any, ...] = (0, None)
    deletions: str = ""
    settled: Settled = field(default_factory=Settled)
    lock: threading.Lock = field(default_factory=threading.Lock)


def look(session: Session) -> int:
    """Count anew what may have changed, for SECONDS at most; return how many judgments are still to be looked at."""
    place = _places.of(session)
    with place.lock:
        newest = session.connection().scalar(select(func.max(Judgment.id))) or 0  # of all projects: told at once
        if not place.begun or newest < place.up_to:
            _begin(session, place, newest)
        _look_back(session, place)
        return _look_on(session, place, newest)


def look_everywhere(session: Session) -> None:
    """Look in each project that is not archived."""
    for project in project_ids(session, in_use=True):
        with within(session, project):
            look(session)


_places: Kept[_Place] = Kept(_Place)


def _mark(session: Session) -> str:
    """Return the name of the mark of the session's project."""
    project = project_of(session)
    return MARK if project == FIRST else f"{project}/{MARK}"


def _begin(session: Session, place: _Place, newest: int) -> None:
    """Go on where the last look of any process stood; a database that has fewer judgments is another one."""
    kept = marks.read(session, _mark(session))
    stored = kept["value"] if kept else {}
    place.up_to = place.stored = min(int(stored.get("up_to", 0)), newest)
    place.undone = (stored.get("undone", 0), datetime.fromisoformat(moment) if (moment := stored.get("at")) else None)
    place.deletions = stored.get("deletions", "")
    place.known, place.settled, place.begun = set(), Settled(), True


def _keep(session: Session, place: _Place) -> None:
    """Store where the look stands, for the processes that begin later."""
    undone, moment = place.undone
    at = moment.isoformat() if moment else None
    value = {"up_to": place.up_to, "undone": undone, "at": at, "deletions": place.deletions}
    with write_transaction(session):
        marks.write(session, _mark(session), value)
    place.stored = place.up_to


def _look_back(session: Session, place: _Place) -> None:
    """Look at what was undone or deleted since."""
    undone, deletions = counts.undone_stamp(session), marks.deletions(session)
    if (undone, deletions) == (place.undone, place.deletions):
        return
    last: datetime | None = place.undone[1]
    since = last - _SLOWEST if last else _NEVER
    again = session.scalars(_prompts(Judgment.undone_at >= since)).all() if undone != place.undone else ()
    _count(session, [*again, *_stale(session)])
    place.undone, place.deletions = undone, deletions
    _keep(session, place)


def _look_on(session: Session, place: _Place, newest: int) -> int:
    """Look at what was judged since, some at a time; return how many judgments are left."""
    until = time.monotonic() + SECONDS
    settled = place.settled.up_to(session, newest)
    reached = place.up_to
    while reached < newest:
        last = min(newest, reached + _IDS_AT_ONCE)
        in_range = (Judgment.id > reached, Judgment.id <= last)
        judged = session.execute(_prompts(*in_range).add_columns(Judgment.id)).all()
        new = {prompt_id for prompt_id, number in judged if number not in place.known}
        _count(session, _of_interest(session, new))
        place.known.update(number for _, number in judged if number > settled)
        place.up_to, reached = min(last, settled), last
        if place.up_to - place.stored >= _IDS_AT_ONCE:  # looking twice at what came since does no harm
            _keep(session, place)
        if time.monotonic() >= until:
            break
    place.known = {number for number in place.known if number > place.up_to}
    return newest - reached


def _stale(session: Session) -> Sequence[int]:
    """Return the prompts of the reviews of which a part was deleted, also by a release that knows no reviews."""
    lost = or_(
        Review.state == ReviewState.STALE,
        Review.generation_id.is_(None),
        and_(Review.state == ReviewState.DECIDED, Review.decision_id.is_(None)),
    )
    return session.scalars(select(Review.prompt_id).where(lost).distinct()).all()


def _prompts(*judged: Any) -> Select[Any]:
    """Select the prompts of ordinary screens with such judgments, each as often as there are any."""
    found = select(Generation.prompt_id).join(Judgment, Judgment.generation_id == Generation.id)
    return found.where(Generation.gold.is_(False), *judged)


def _of_interest(session: Session, prompt_ids: Iterable[int]) -> Iterator[int]:
    """Yield those of the prompts that several people judged, that were flagged or decided, or that have a review."""
    for some in _parts(prompt_ids, _IDS_AT_ONCE):
        told = func.count(case((or_(Judgment.flagged, Judgment.decision), 1)))
        judged = _prompts(Generation.prompt_id.in_(some), Judgment.undone_at.is_(None))
        several = judged.group_by(Generation.prompt_id).having(or_(func.count(JUDGE.distinct()) > 1, told > 0))
        known = select(Review.prompt_id).where(Review.prompt_id.in_(some))
        yield from {*session.scalars(several), *session.scalars(known)}


def _count(session: Session, prompt_ids: Iterable[int]) -> None:
    """Count the reviews of those prompts, some in each transaction."""
    for some in _parts(prompt_ids, _PROMPTS_AT_ONCE):
        with write_transaction(session):
            counting.count(session, some)


def _parts(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """Yield different numbers in order, so many at a time."""
    left = sorted(set(numbers))
    yield from (left[start : start + size] for start in range(0, len(left), size))
