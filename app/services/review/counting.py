"""Counting reviews from the judgments of their prompts: who disagrees, what is flagged, and what a decision decides.

What is compared is what agreement compares (app/services/people/ratings.py). A decision decides every standing judgment
of the same prompt with the same rewrites, also one that is made later: those name it (Judgment.decided_by).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Prompt, Review, ReviewState, Verdict
from app.services.people import ratings


class _Key(NamedTuple):
    prompt_id: int
    texts_sha256: str


@dataclass
class _Unit:
    """The standing judgments of one prompt with one set of rewrites, by their ids."""

    rows: list[Any] = field(default_factory=list)
    said: dict[ratings.Person, str] = field(default_factory=dict)
    flagged: set[ratings.Person] = field(default_factory=set)

    def add(self, row: Any, screen: ratings.Shown) -> None:
        """Add a judgment; of several by one person the latest counts."""
        self.rows.append(row)
        person = row.annotator or row.user_id
        if row.decision:
            return
        if row.flagged:
            self.flagged.add(person)
        if row.verdict != Verdict.SKIPPED:
            self.said[person] = ratings.category(row.verdict, row.text, screen)

    @property
    def disagreement(self) -> float:
        """Return the share of the pairs of people who said different things; 0 with fewer than two."""
        pairs = [one != other for one, other in combinations(self.said.values(), 2)]
        return sum(pairs) / len(pairs) if pairs else 0.0

    @property
    def decision_id(self) -> int | None:
        """Return the id of the decision that counts, which is the latest one, or None."""
        return max((row.id for row in self.rows if row.decision), default=None)

    @property
    def screen_id(self) -> int:
        """Return the id of the first screen, rather of one that no reviewer made."""
        _, found = min((row.decision, int(row.generation_id)) for row in self.rows)
        return found


def count(session: Session, prompt_ids: Collection[int]) -> None:
    """Count the reviews of some prompts anew, in the running transaction; what nobody need look at has none."""
    wanted = select(Prompt.id, Prompt.source).where(Prompt.id.in_(prompt_ids)).order_by(Prompt.id).with_for_update()
    sources = dict(iter(session.execute(wanted)))
    units = _units(session, sources)
    kept = {
        _Key(review.prompt_id, review.texts_sha256): review
        for review in session.scalars(
            select(Review).where(Review.prompt_id.in_(sources)).execution_options(populate_existing=True)
        )
    }
    people = _people(units)
    for key in sorted({*units, *kept}):
        unit = units.get(key, _Unit())
        _name_decision(session, unit)
        review = kept.get(key)
        if not (unit.disagreement or unit.flagged or unit.decision_id):
            if review is not None:
                session.delete(review)
            continue
        if review is None:
            review = Review(prompt_id=key.prompt_id, texts_sha256=key.texts_sha256)
            session.add(review)
        _write(review, unit, sources[key.prompt_id], people[key.prompt_id])
    session.flush()


def _write(review: Review, unit: _Unit, source: str, people: int) -> None:
    """Write into a review what was counted, `people` being those who judged its prompt, on whatever screen."""
    review.generation_id = unit.screen_id
    review.source = source
    review.people, review.disagreement, review.flags = len(unit.said), unit.disagreement, len(unit.flagged)
    review.decision_id = unit.decision_id
    if review.waits_for is not None and people >= review.waits_for:
        review.waits_for = review.overlap_before = None
    if review.decision_id is not None:
        review.state = ReviewState.DECIDED
    else:
        review.state = ReviewState.OPEN if review.waits_for is None else ReviewState.SENT_BACK


def _name_decision(session: Session, unit: _Unit) -> None:
    """Let the judgments name the decision that counts instead of them, or none."""
    decision = unit.decision_id
    wrong = [row.id for row in unit.rows if row.decided_by != (decision if row.id != decision else None)]
    if wrong:
        named = update(Judgment).where(Judgment.id.in_(wrong))
        session.execute(named.values(decided_by=decision), execution_options={"synchronize_session": False})
        if decision in wrong:
            own = update(Judgment).where(Judgment.id == decision).values(decided_by=None)
            session.execute(own, execution_options={"synchronize_session": False})


def _units(session: Session, prompt_ids: Iterable[int]) -> Mapping[_Key, _Unit]:
    rows: Sequence[Any] = session.execute(
        select(
            Judgment.id,
            Judgment.user_id,
            Judgment.annotator,
            Judgment.verdict,
            Judgment.flagged,
            Judgment.decision,
            Judgment.decided_by,
            Judgment.generation_id,
            Generation.prompt_id,
            Candidate.text,
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .outerjoin(Candidate, Candidate.id == Judgment.candidate_id)
        .where(Generation.prompt_id.in_(list(prompt_ids)), Generation.gold.is_(False), Judgment.undone_at.is_(None))
        .order_by(Judgment.id)
    ).all()
    screens = ratings.shown(session, [row.generation_id for row in rows])
    units: defaultdict[_Key, _Unit] = defaultdict(_Unit)
    for row in rows:
        screen = screens[row.generation_id]
        units[_Key(row.prompt_id, screen.texts.hex())].add(row, screen)
    return units


def _people(units: Mapping[_Key, _Unit]) -> Mapping[int, int]:
    """Count the people who said something of each prompt, on whatever screen."""
    people: defaultdict[int, set[ratings.Person]] = defaultdict(set)
    for key, unit in units.items():
        people[key.prompt_id].update(unit.said)
    return defaultdict(int, {prompt_id: len(found) for prompt_id, found in people.items()})
