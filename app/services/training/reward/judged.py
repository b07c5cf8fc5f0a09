"""Standing judgments as the reward head reads them: the features of the candidates, and the verdict.

Attention checks and skipped screens say nothing about preferences, and undone judgments do not count, nor do those that
a reviewer decided, nor answers that were given too quickly. A prompt that is fine as it is says which texts to leave
alone, and not which rewrite of a text is better: a linear head would learn from it to keep the wording of every text.
Candidates that were sampled here carry their features. Those of older or imported screens, and texts that people wrote,
get theirs when they are first read, a few at a time, and keep them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.db import COUNTS, Candidate, DeletedJudgment, Generation, Judgment, Prompt, Verdict, write_transaction
from app.services.training.selection import unhurried
from models.model_errors import InputTooLong
from models.reward.features import Array, pack, unpack
from models.reward.head import WINDOW
from models.reward.judgments import JudgedScreen

Measure = Callable[[str, Sequence[str]], Array]
"""A function from a text and its rewrites to their features, (rewrites, SIZE); raises InputTooLong."""

_IDS_AT_ONCE = 500


class Marker(NamedTuple):
    """Three numbers that change with every judgment that is made, undone or deleted."""

    last_judgment_id: int
    undone: int
    deleted: int = 0


class Screen(NamedTuple):
    """A judged screen as it is stored; features are None if they were not computed yet.

    `ranking` are the ids of all candidates, the best first, if they were ranked.
    """

    judgment_id: int
    text: str
    verdict: str
    chosen: tuple[int, ...]
    written: str | None
    written_features: bytes | None
    cards: tuple[tuple[int, str, bytes | None], ...]
    ranking: tuple[int, ...] = ()

    @property
    def measured(self) -> bool:
        """Return whether all features of the screen are stored and of the present version."""
        texts = [data for _, _, data in self.cards]
        return all(unpack(data) is not None for data in texts) and (
            self.written is None or unpack(self.written_features) is not None
        )

    def said(self) -> list[Any]:
        """Return the texts shown and the verdict, JSON-compatible."""
        texts = {number: text for number, text, _ in self.cards}
        return [
            self.text,
            [text for _, text, _ in self.cards],
            self.verdict,
            [text for number, text, _ in self.cards if number in self.chosen],
            self.written,
            *([[texts[number] for number in self.ranking]] if self.ranking else []),
        ]

    def judged(self, weight: float = 1.0) -> JudgedScreen:
        """Return the judgment, which counts as it weighs, as the head reads it; the screen must be measured."""
        cards = [unpack(data) for _, _, data in self.cards]
        places = {number: place for place, (number, _, _) in enumerate(self.cards)}
        chosen = tuple(sorted(places[number] for number in self.chosen if number in places))
        behind = tuple(places[number] for number in self.ranking[1:])
        rows = [row for row in cards if row is not None]
        return JudgedScreen(rows, chosen, unpack(self.written_features), weight, behind)


def marker(session: Session) -> Marker:
    """Return the present marker of the judgments."""
    last = session.scalar(select(func.max(Judgment.id))) or 0
    undone = session.scalar(select(func.count()).select_from(Judgment).where(Judgment.undone_at.is_not(None))) or 0
    return Marker(last, undone, deleted(session))


def deleted(session: Session) -> int:
    """Count the judgments that were ever deleted."""
    return session.scalar(select(func.count()).select_from(DeletedJudgment)) or 0


def standing(session: Session, *conditions: ColumnElement[bool]) -> list[int]:
    """Return the ids of the latest WINDOW judgments with a preference that meet the conditions, the oldest first.

    Without conditions they are those that count at present.
    """
    found = session.scalars(
        select(Judgment.id)
        .join(Generation, Generation.id == Judgment.generation_id)
        .where(
            *(conditions or COUNTS),
            Judgment.verdict.not_in((Verdict.SKIPPED, Verdict.FINE)),
            Generation.gold.is_(False),
            *unhurried(session),
        )
        .order_by(Judgment.id.desc())
        .limit(WINDOW)
    )
    return list(found)[::-1]


def screens(session: Session, ids: Sequence[int]) -> list[Screen]:
    """Return the judged screens of those judgments, in no particular order, but for those that were deleted."""
    found: list[Screen] = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        found += _some(session, ids[start : start + _IDS_AT_ONCE])
    return found


def _some(session: Session, ids: Collection[int]) -> list[Screen]:
    said = session.execute(
        select(
            Judgment.id,
            Judgment.generation_id,
            Judgment.verdict,
            Judgment.candidate_id,
            Judgment.tied,
            Judgment.edited_text,
            Judgment.edited_features,
            Judgment.ranking,
            Prompt.text,
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Prompt, Prompt.id == Generation.prompt_id)
        .where(Judgment.id.in_(ids))
    ).all()
    cards: dict[int, list[tuple[int, str, bytes | None]]] = {row.generation_id: [] for row in said}
    shown = session.execute(
        select(Candidate.generation_id, Candidate.id, Candidate.text, Candidate.features)
        .where(Candidate.generation_id.in_(list(cards)))
        .order_by(Candidate.generation_id, Candidate.position)
    )
    for row in shown:
        cards[row.generation_id].append((row.id, row.text, row.features))
    return [
        Screen(
            row.id,
            row.text,
            row.verdict,
            _chosen(row, cards[row.generation_id]),
            row.edited_text,
            row.edited_features,
            tuple(cards[row.generation_id]),
            tuple(row.ranking or ()),
        )
        for row in said
        if cards[row.generation_id]  # else it was deleted between the two queries
    ]


def _chosen(row: Any, cards: Sequence[tuple[int, str, bytes | None]]) -> tuple[int, ...]:
    """Return the ids of the candidates that were preferred to the others."""
    if row.verdict == Verdict.CHOSEN:
        return (row.candidate_id,)
    if row.verdict == Verdict.TIE:
        return tuple(row.tied or [number for number, _, _ in cards])
    return ()


def measure(session: Session, screen: Screen, features: Measure) -> bool:
    """Compute and store the missing features of a screen; returns False if its text is too long for the model."""
    wanting = [(number, text) for number, text, data in screen.cards if unpack(data) is None]
    texts = [text for _, text in wanting]
    session.commit()  # no transaction is open while the model works
    try:
        found = features(screen.text, [*texts, *([] if screen.written is None else [screen.written])])
    except InputTooLong:
        return False
    with write_transaction(session):
        for (number, _), row in zip(wanting, found, strict=False):
            session.execute(update(Candidate).where(Candidate.id == number).values(features=pack(row)))
        if screen.written is not None:
            own = update(Judgment).where(Judgment.id == screen.judgment_id).values(edited_features=pack(found[-1]))
            session.execute(own)
    return True
