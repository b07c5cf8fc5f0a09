"""Exact counts of a million judgments in a few milliseconds, for the pages that show them.

What a figure counts is decided here, so that all pages, the API and the metrics agree: judgments are those that stand,
without those of attention checks; work is what somebody judged on a screen here, attention checks among it, but nothing
that was imported.

Rows of judgments, preferences, generations and prompts are seldom deleted, and no counted column changes otherwise,
except that a judgment may be undone. So each process counts the rows once, grouped by kind, and later only those that
were added since; undone judgments are few, and are counted separately through an index of their own when their number
has changed, and subtracted. After a deletion, of which a mark in the database tells, it counts all of them anew. The
counts are exact: those of what the session sees, or of what others have committed since its transaction began. The
session must not have written anything itself.

In PostgreSQL a row may become visible after one with a higher id, so there the latest rows, of which that is possible
(app/db/settled.py), are counted again each time.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Executable, Select, bindparam, func, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Kept, Preference, Prompt, User, mine
from app.db.settled import FAR, Settled
from app.services.system import marks


class Kind(NamedTuple):
    """The columns by which judgments are counted; `pairs` is the number of its preference rows.

    `person` is the user; `annotator` is who judged instead, by the name in an imported file.
    """

    person: int
    verdict: str
    gold: bool
    imported: bool
    pairs: int
    annotator: str | None

    @property
    def judge(self) -> int | str:
        """Return who judged, as JUDGE tells them apart."""
        return self.person if self.annotator is None else self.annotator


Tally = Counter[Kind]


class Said(NamedTuple):
    """Numbers of standing judgments: those of texts, how many of these were imported, and those of attention checks."""

    judgments: int = 0
    imported: int = 0
    checks: int = 0

    @property
    def work(self) -> int:
        """Return how many were made on a screen here."""
        return self.judgments - self.imported + self.checks


def said(tally: Tally) -> Said:
    """Sum up a tally."""
    ordinary = [(kind, count) for kind, count in tally.items() if not kind.gold]
    return Said(
        sum(count for _, count in ordinary),
        sum(count for kind, count in ordinary if kind.imported),
        sum(count for kind, count in tally.items() if kind.gold),
    )


def said_by(tally: Tally) -> dict[int, Said]:
    """Sum up a tally for each person."""
    by_person: dict[int, Tally] = defaultdict(Counter)
    for kind, count in tally.items():
        by_person[kind.person][kind] = count
    return {person: said(own) for person, own in by_person.items()}


def made_here() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the judgments that are somebody's work: see above."""
    return Judgment.undone_at.is_(None), Judgment.imported.is_(False)


def people(session: Session) -> int:
    """Count the people who may sign in."""
    return session.scalar(select(func.count(User.id)).where(User.active)) or 0


def judgments(session: Session, since: int = 0, under: float = 0.0) -> Tally:
    """Count the standing judgments with ids above `since` by kind; or those made here in less than `under` seconds."""
    with _kept_counts(session) as book:
        standing = book.made(since, under).read(session) - book.taken_back(since, under).read(session)
        return Counter({Kind(*kind): count for kind, count in standing.items()})


def decided(session: Session, since: int = 0, under: float = 0.0) -> Tally:
    """Count those of the same judgments instead of which the decision of a reviewer counts."""
    with _kept_counts(session) as book:
        found = book.decided(since, under).read(session)
        return Counter({Kind(*kind): count for kind, count in found.items()})


class ByPerson(NamedTuple):
    """For each person the numbers of judgments and of undone ones among them; both only grow until some are deleted.

    While both and the mark of `deletions` are the same, the same judgments stand. They are `exact` if no later rows
    than those that the session sees were counted; else what the session reads must not be cached under these numbers.
    """

    counts: dict[int, tuple[int, int]]
    exact: bool
    deletions: str


def by_person(session: Session) -> ByPerson:
    """Count each person's judgments."""
    with _kept_counts(session) as book:
        running = book.made(0)
        made, undone = running.read(session), book.taken_back(0).read(session)
        found: dict[int, tuple[int, int]] = {}
        for kind, count in made.items():
            before = found.get(kind[0], (0, 0))
            found[kind[0]] = before[0] + count, before[1] + undone[kind]
        return ByPerson(found, running.is_of(session), marks.deletions(session))


def screens(session: Session) -> int:
    """Return the number of screens."""
    with _kept_counts(session) as book:
        return book.screens.read(session).total()


def sources(session: Session) -> Counter[str]:
    """Count prompts by source."""
    with _kept_counts(session) as book:
        return Counter({source: count for (source,), count in book.sources.read(session).items()})


def undone_stamp(session: Session) -> tuple[Any, ...]:
    """Return how many judgments are undone and when the last one was; read once per transaction of the session.

    While it is the same and none were deleted, no other judgment was undone.
    """
    connection = session.connection()
    known = session.info.get("undone")
    if known is None or known[0] is not session.get_transaction():
        known = session.info["undone"] = (session.get_transaction(), tuple(connection.execute(_UNDONE_STAMP).one()))
    stamp: tuple[Any, ...] = known[1]
    return stamp


def _decided_stamp(session: Session) -> tuple[Any, ...]:
    """Return figures that are others as soon as other judgments are decided; read from an index alone."""
    return (*undone_stamp(session), *session.connection().execute(_DECIDED_STAMP).one())


_MOST_STARTS = 8
_AFTER: BindParameter[int] = bindparam("after")
_UP_TO: BindParameter[int] = bindparam("up_to")
_NEWEST_JUDGMENT = select(func.max(Judgment.id))


def _by_kind(*conditions: Any) -> Select[Any]:
    counted = (Judgment.user_id, Judgment.verdict, Generation.gold, Judgment.imported)
    pairs = select(func.count()).where(Preference.judgment_id == Judgment.id).correlate(Judgment).scalar_subquery()
    each = (
        select(*counted, pairs.label("pairs"), Judgment.annotator)
        .join(Generation, Generation.id == Judgment.generation_id)
        .where(Judgment.id > _AFTER, *conditions)
        .subquery()
    )
    return select(*each.c, func.count()).group_by(*each.c)


def _in_less_than(under: float) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of judgments that were made here in less than so many seconds, none for 0."""
    return (Judgment.seconds < under, Judgment.imported.is_(False)) if under else ()


_UNDONE_STAMP = select(func.count(), func.max(Judgment.undone_at)).where(Judgment.undone_at.is_not(None))
_DECIDED = (Judgment.decided_by.is_not(None), Judgment.undone_at.is_(None))
_DECIDED_STAMP = select(func.count(), func.sum(Judgment.decided_by)).where(Judgment.decided_by.is_not(None))
_SCREENS = select(func.count()).where(Generation.id > _AFTER, Generation.id <= _UP_TO)
_SOURCES = select(Prompt.source, func.count()).where(Prompt.id > _AFTER, Prompt.id <= _UP_TO).group_by(Prompt.source)


class _RunningCounts:
    """Counts of rows that do not change, kept up to an id."""

    def __init__(self, counted: Executable, newest: Executable, since: int = 0) -> None:
        self._counted = counted
        self._newest = newest
        self._since = since
        self._up_to = since
        self._settled = Settled()
        self._kept: Counter[tuple[Any, ...]] = Counter()

    def read(self, session: Session) -> Counter[tuple[Any, ...]]:
        """Return the present counts."""
        newest = int(session.connection().execute(self._newest).scalar() or 0)
        if newest < self._up_to - FAR:  # the database was replaced
            self._up_to, self._kept, self._settled = self._since, Counter(), Settled()
        settled = self._settled.up_to(session, newest)
        if settled > self._up_to:
            self._kept += self._between(session, self._up_to, settled)
            self._up_to = settled
        return self._kept + self._between(session, self._up_to, newest) if newest > self._up_to else self._kept

    def is_of(self, session: Session) -> bool:
        """Tell whether what is kept goes no further than what the session sees."""
        return int(session.connection().execute(self._newest).scalar() or 0) >= self._up_to

    def _between(self, session: Session, after: int, up_to: int) -> Counter[tuple[Any, ...]]:
        found = session.connection().execute(self._counted, {"after": after, "up_to": up_to})
        return Counter({tuple(kind): count for *kind, count in found})


class _FewCounts:
    """Counts of a few judgments with ids above `since`, kept until what `stamp` reads changes."""

    def __init__(self, counted: Executable, since: int, stamp: Callable[[Session], tuple[Any, ...]]) -> None:
        self._counted = counted
        self._since = since
        self._read_stamp = stamp
        self._stamp: tuple[Any, ...] = ()
        self._kept: Counter[tuple[Any, ...]] = Counter()

    def read(self, session: Session) -> Counter[tuple[Any, ...]]:
        """Return the present counts."""
        stamp = self._read_stamp(session)
        if stamp != self._stamp:
            found = session.connection().execute(self._counted, {"after": self._since})
            self._kept, self._stamp = Counter({tuple(kind): count for *kind, count in found}), stamp
        return self._kept


class _Book:
    """The counts that one process keeps of one project."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._deletions: str | None = None

    def bring_up_to_date(self, session: Session) -> None:
        """Begin anew if rows were deleted since these were counted."""
        if (deletions := marks.deletions(session)) == self._deletions:
            return
        self._deletions = deletions
        self._limits = mine(session, Judgment)
        self._judgments: dict[tuple[int, float], _RunningCounts] = {}
        self._undone: dict[tuple[int, float], _FewCounts] = {}
        self._decided: dict[tuple[int, float], _FewCounts] = {}
        self.screens = _RunningCounts(_SCREENS.where(*mine(session, Generation)), select(func.max(Generation.id)))
        self.sources = _RunningCounts(_SOURCES.where(*mine(session, Prompt)), select(func.max(Prompt.id)))

    def made(self, since: int, under: float = 0.0) -> _RunningCounts:
        """Return the counts of the judgments with ids above `since`, of all or of those made in less than `under`."""
        if (since, under) not in self._judgments and len(self._judgments) > _MOST_STARTS:
            self._judgments = {start: kept for start, kept in self._judgments.items() if not start[0]}
            self._undone = {start: kept for start, kept in self._undone.items() if not start[0]}
            self._decided = {start: kept for start, kept in self._decided.items() if not start[0]}
        if (since, under) not in self._judgments:
            counted = _by_kind(*self._limits, Judgment.id <= _UP_TO, *_in_less_than(under))
            self._judgments[since, under] = _RunningCounts(counted, _NEWEST_JUDGMENT, since)
        return self._judgments[since, under]

    def taken_back(self, since: int, under: float = 0.0) -> _FewCounts:
        """Return the counts of the undone ones among them."""
        if (since, under) not in self._undone:
            counted = _by_kind(*self._limits, Judgment.undone_at.is_not(None), *_in_less_than(under))
            self._undone[since, under] = _FewCounts(counted, since, undone_stamp)
        return self._undone[since, under]

    def decided(self, since: int, under: float = 0.0) -> _FewCounts:
        """Return the counts of those among them that stand and are decided."""
        if (since, under) not in self._decided:
            counted = _by_kind(*self._limits, *_DECIDED, *_in_less_than(under))
            self._decided[since, under] = _FewCounts(counted, since, _decided_stamp)
        return self._decided[since, under]


_books: Kept[_Book] = Kept(_Book)


@contextmanager
def _kept_counts(session: Session) -> Iterator[_Book]:
    """Hold the counts that this process keeps of the session's project, none of them from before a deletion."""
    book = _books.of(session)
    with book.lock:
        book.bring_up_to_date(session)
        yield book
