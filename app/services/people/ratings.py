"""The latest judgments as ratings of units, cached by each process and updated before every use.

A unit is a prompt with one set of rewrites; attention checks, skipped screens and decisions of reviewers are left out.
A rating is one category: the chosen text, the order of all texts, or that the person wrote a better one, that texts are
equal, or that none is good. Texts are compared, not places, because each person sees the rewrites in an order of their
own. So that chance agreement is the same for all prompts, the texts of a unit are numbered in the order of their
hashes, which is independent of their quality: two people who choose at random among three agree in a third of the
cases.

A judgment does not change except that it may be undone: so only judgments since the last update are read, and those
that replace undone ones in the window. After a deletion all of the window is read anew. In PostgreSQL, where a row may
become visible after one with a higher id, the latest ids are read again each time. The session must not have written
anything itself.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Kept, Verdict, mine
from app.db.settled import FAR
from app.services.system import counts, marks

WINDOW = 10_000
_IDS_AT_ONCE = 500

Person = int | str
"""Who judged: the id of a user, or the name that an imported file has for somebody."""
Unit = dict[Person, str]  # person → category
RANKED = "order"
"""The beginning of the category of a ranking: then come the texts, the best first, by their ranks among the hashes."""
_Key = tuple[int, bytes]  # prompt, and the hash of the texts shown


class _Rating(NamedTuple):
    person: Person
    unit: _Key
    category: str


class Shown(NamedTuple):
    """The rewrites of a screen: the hash of all of them, and the place of each in the order of their hashes."""

    texts: bytes
    order: dict[str, int]
    by_card: dict[int, int]


def first_choice(category: str) -> str:
    """Return the category of a rating where an order counts as a choice of its first text."""
    return f"text {order_in(category)[0]}" if category.startswith(RANKED) else category


def order_in(category: str) -> list[int]:
    """Return the texts of a ranking, the best first; raises ValueError for another rating."""
    name, *texts = category.split()
    if name != RANKED:
        raise ValueError(f"This is no order: {category}.")
    return [int(text) for text in texts]


def units(session: Session) -> list[Unit]:
    """Return the ratings of every unit that at least two people judged, among the latest WINDOW standing judgments.

    Of several judgments by one person on a unit the latest counts.
    """
    book = _books.of(session)
    with book.lock:
        book.bring_up_to_date(session)
        return [book.shared[key] for key in sorted(book.shared)]  # in a fixed order, on which the bootstrap depends


class _Latest:
    """A cache of the ratings of the latest judgments by judgment id, and of the units that they make."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.shared: dict[_Key, Unit] = {}
        self._clear()

    def _clear(self) -> None:
        self._newest: int | None = None
        self._undone: tuple[object, ...] = ()
        self._deletions = ""
        self._more_before = True
        self._ratings: dict[int, _Rating] = {}
        self._by_unit: dict[_Key, dict[int, _Rating]] = defaultdict(dict)
        self._touched: set[_Key] = set()
        self.shared.clear()

    def bring_up_to_date(self, session: Session) -> None:
        """Read what was judged, undone or deleted since the last update."""
        deletions = marks.deletions(session)
        newest = int(
            session.connection().execute(select(func.max(Judgment.id)).where(*mine(session, Judgment))).scalar() or 0
        )
        replaced = self._newest is None or newest < self._newest - FAR
        if replaced or deletions != self._deletions:
            self._clear()  # an earlier update failed halfway, the database was replaced, or rows were deleted
        self._deletions = deletions
        if self._newest is not None:
            self._drop_undone(session)
            on_sqlite = session.get_bind().dialect.name == "sqlite"
            self._add(session, WINDOW, Judgment.id > (self._newest if on_sqlite else newest - FAR))
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
            undone = select(Judgment.id).where(
                *mine(session, Judgment), Judgment.undone_at.is_not(None), Judgment.id >= oldest
            )
            self._remove(session.connection().execute(undone).scalars())
            self._undone = stamp

    def _drop_oldest(self, too_many: int) -> None:
        if too_many > 0:
            self._remove(sorted(self._ratings)[:too_many])
            self._more_before = True

    def _add(self, session: Session, most: int, where: ColumnElement[bool]) -> int:
        """Add the latest judgments that meet a condition; returns how many there were."""
        connection = session.connection()
        standing = (
            select(Judgment.id)
            .join(Generation, Generation.id == Judgment.generation_id)
            .where(
                *mine(session, Judgment),
                where,
                Judgment.undone_at.is_(None),
                Judgment.verdict != Verdict.SKIPPED,
                Judgment.decision.is_(False),
                Generation.gold.is_(False),
            )
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
                    Judgment.annotator,
                    Judgment.verdict,
                    Judgment.generation_id,
                    Generation.prompt_id,
                    Candidate.text,
                    Judgment.ranking,
                )
                .join(Generation, Generation.id == Judgment.generation_id)
                .outerjoin(Candidate, Candidate.id == Judgment.candidate_id)
                .where(Judgment.id.in_(unknown[start : start + _IDS_AT_ONCE]))
            ).all()
            screens = shown(session, [row.generation_id for row in rows])
            for row in rows:
                screen = screens[row.generation_id]
                person = row.annotator or row.user_id
                said = _order(row.ranking, screen) or category(row.verdict, row.text, screen)
                rating = _Rating(person, (row.prompt_id, screen.texts), said)
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


_books: Kept[_Latest] = Kept(_Latest)


def shown(session: Session, generation_ids: Sequence[int]) -> dict[int, Shown]:
    """Return what was shown on each of the screens."""
    cards: dict[int, dict[int, str]] = {generation_id: {} for generation_id in generation_ids}
    by_hashes: dict[int, dict[bytes, str]] = {generation_id: {} for generation_id in generation_ids}
    texts = select(Candidate.generation_id, Candidate.id, Candidate.text)
    for generation_id, number, text in session.connection().execute(
        texts.where(Candidate.generation_id.in_(sorted(cards)))
    ):
        by_hashes[generation_id][hashlib.sha256(text.encode()).digest()] = text
        cards[generation_id][number] = text
    found = {}
    for generation_id, by_hash in by_hashes.items():
        ordered = sorted(by_hash)
        order = {by_hash[digest]: place for place, digest in enumerate(ordered)}
        by_card = {number: order[text] for number, text in cards[generation_id].items()}
        found[generation_id] = Shown(hashlib.sha256(b"".join(ordered)).digest(), order, by_card)
    return found


def category(verdict: str, chosen: str | None, screen: Shown) -> str:
    """Return the category of a rating: a verdict, or the place of the chosen text in the order of the hashes."""
    return f"text {screen.order[chosen]}" if verdict == Verdict.CHOSEN and chosen in screen.order else verdict


def _order(ranking: Sequence[int] | None, screen: Shown) -> str:
    """Return the category of a ranking; empty for another judgment, and where two of the ranked texts are the same."""
    texts = [screen.by_card[number] for number in ranking or () if number in screen.by_card]
    return " ".join([RANKED, *map(str, texts)]) if texts and len(set(texts)) == len(texts) else ""
