"""The latest judgments as ratings of units, kept by each process and brought up to date at every look.

A unit is a prompt with the same rewrites in front of whoever judges it; attention checks and skipped screens are left
out. What a person said of it is one category: which text they chose, or that they wrote a better one, that texts are
equal, or that none will do. Texts are compared, not places, for each person has the rewrites in an order of their own.
So that chance is judged alike for all prompts, the texts of a unit are numbered in the order of their hashes, which
says nothing of how good they are: two people who choose at random among three meet in a third of the cases.

A judgment never changes, but that it may be undone: so only those are read that came since the last look, and those
that take the place of undone ones. In PostgreSQL, where a row may become visible after one with a higher id, the ids of
the latest are read again each time. The session must have written nothing itself.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Verdict
from app.services.system import counts

WINDOW = 10_000
_IDS_AT_ONCE = 500

Unit = dict[int, str]  # person → category
_Key = tuple[int, bytes]  # prompt, and the hash of the texts shown


class _Rating(NamedTuple):
    person: int
    unit: _Key
    category: str


class _Screen(NamedTuple):
    texts: bytes
    order: dict[str, int]


def units(session: Session) -> list[Unit]:
    """What was said of every unit that at least two people judged, among the latest WINDOW standing judgments.

    Of one person's on the same unit the latest counts.
    """
    with _lock:
        book = _books.setdefault(session.get_bind().engine, _Latest())
    with book.lock:
        book.bring_up_to_date(session)
        return [book.shared[key] for key in sorted(book.shared)]  # the bootstrap draws by their order


class _Latest:
    """The ratings of the latest judgments by the judgments' ids, and the units that they make."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.shared: dict[_Key, Unit] = {}
        self._forget()

    def _forget(self) -> None:
        self._newest: int | None = None
        self._undone: tuple[object, ...] = ()
        self._more_before = True
        self._ratings: dict[int, _Rating] = {}
        self._by_unit: dict[_Key, dict[int, _Rating]] = defaultdict(dict)
        self._touched: set[_Key] = set()
        self.shared.clear()

    def bring_up_to_date(self, session: Session) -> None:
        """Take in what was judged or undone since the last look."""
        newest = int(session.connection().execute(select(func.max(Judgment.id))).scalar() or 0)
        if self._newest is None or newest < self._newest - counts.SETTLED:
            self._forget()  # an earlier look failed half-way, or another database has taken the place of this one
        if self._newest is not None:
            self._drop_undone(session)
            on_sqlite = session.get_bind().dialect.name == "sqlite"
            self._add(session, WINDOW, Judgment.id > (self._newest if on_sqlite else newest - counts.SETTLED))
            self._drop_oldest(len(self._ratings) - WINDOW)
        missing = WINDOW - len(self._ratings)
        if missing > 0 and self._more_before:
            before = Judgment.id < min(self._ratings) if self._ratings else Judgment.id <= newest
            self._more_before = self._add(session, missing, before) == missing
        self._newest = max(newest, self._newest or 0)
        for key in self._touched:
            self._make_unit(key)
        self._touched.clear()

    def _drop_undone(self, session: Session) -> None:
        stamp = counts.undone_stamp(session)
        if stamp != self._undone:
            oldest = min(self._ratings, default=0)
            undone = select(Judgment.id).where(Judgment.undone_at.is_not(None), Judgment.id >= oldest)
            self._remove(session.connection().execute(undone).scalars())
            self._undone = stamp

    def _drop_oldest(self, too_many: int) -> None:
        if too_many > 0:
            self._remove(sorted(self._ratings)[:too_many])
            self._more_before = True

    def _add(self, session: Session, most: int, where: ColumnElement[bool]) -> int:
        """Take in the latest judgments that fulfil a condition; returns how many there were."""
        connection = session.connection()
        standing = (
            select(Judgment.id)
            .join(Generation, Generation.id == Judgment.generation_id)
            .where(where, Judgment.undone_at.is_(None), Judgment.verdict != Verdict.SKIPPED, Generation.gold.is_(False))
            .order_by(Judgment.id.desc())
            .limit(most)
        )
        ids = list(connection.execute(standing).scalars())
        unknown = [number for number in ids if number not in self._ratings]
        for start in range(0, len(unknown), _IDS_AT_ONCE):
            rows = connection.execute(
                select(
                    Judgment.id,
                    Judgment.user_id,
                    Judgment.verdict,
                    Judgment.generation_id,
                    Generation.prompt_id,
                    Candidate.text,
                )
                .join(Generation, Generation.id == Judgment.generation_id)
                .outerjoin(Candidate, Candidate.id == Judgment.candidate_id)
                .where(Judgment.id.in_(unknown[start : start + _IDS_AT_ONCE]))
            ).all()
            screens = _screens(session, [row.generation_id for row in rows])
            for row in rows:
                screen = screens[row.generation_id]
                rating = _Rating(row.user_id, (row.prompt_id, screen.texts), _category(row.verdict, row.text, screen))
                self._ratings[row.id] = self._by_unit[rating.unit][row.id] = rating
                self._touched.add(rating.unit)
        return len(ids)

    def _remove(self, ids: Iterable[int]) -> None:
        for number in ids:
            rating = self._ratings.pop(number, None)
            if rating is not None:
                del self._by_unit[rating.unit][number]
                self._touched.add(rating.unit)

    def _make_unit(self, key: _Key) -> None:
        rated = self._by_unit[key]
        unit = {rated[number].person: rated[number].category for number in sorted(rated)}
        if len(unit) > 1:
            self.shared[key] = unit
        else:
            self.shared.pop(key, None)
        if not rated:
            del self._by_unit[key]


_books: WeakKeyDictionary[Engine, _Latest] = WeakKeyDictionary()
_lock = threading.Lock()


def _screens(session: Session, generation_ids: Sequence[int]) -> dict[int, _Screen]:
    """Of each screen the hash of its texts, and the place of each different text in the order of their hashes."""
    shown: dict[int, dict[bytes, str]] = {generation_id: {} for generation_id in generation_ids}
    texts = select(Candidate.generation_id, Candidate.text).where(Candidate.generation_id.in_(sorted(shown)))
    for generation_id, text in session.connection().execute(texts):
        shown[generation_id][hashlib.sha256(text.encode()).digest()] = text
    found = {}
    for generation_id, by_hash in shown.items():
        ordered = sorted(by_hash)
        order = {by_hash[digest]: place for place, digest in enumerate(ordered)}
        found[generation_id] = _Screen(hashlib.sha256(b"".join(ordered)).digest(), order)
    return found


def _category(verdict: str, chosen: str | None, screen: _Screen) -> str:
    return f"text {screen.order[chosen]}" if verdict == Verdict.CHOSEN and chosen in screen.order else verdict
