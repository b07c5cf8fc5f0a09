"""The clicks that count in a live comparison, read from the judgments.

A click is one standing judgment of a screen that was drawn for the comparison, in the order in which they were made,
and counts for the version that wrote the chosen card. An edit counts for the card that it was written from, where that
is known. Ties, "none is good", skips, attention checks and what was imported say nothing, an undone judgment drops out,
and so does one that was deleted. A screen that shows another person the cards of an earlier one belongs to no
comparison: who wrote which card was drawn once for all of them, so their clicks would not count as several.

Of a comparison that has ended, the clicks are those that stood then, without the ones that were deleted since.
"""

from __future__ import annotations

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.db import Candidate, Generation, Judgment, LiveComparison, Verdict
from models.sequential import Click, Thresholds

_card = aliased(Candidate)


def thresholds(comparison: LiveComparison) -> Thresholds:
    """Return the evidence that decides a comparison, as it was when it began."""
    return Thresholds(comparison.threshold_new, comparison.threshold_old)


def clicks(session: Session, comparison: LiveComparison) -> list[Click]:
    """Return the clicks that count, the first one first."""
    end = comparison.ended_at
    stood = Judgment.undone_at.is_(None) if end is None else or_(Judgment.undone_at.is_(None), Judgment.undone_at > end)
    query = (
        select(
            Judgment.user_id,
            func.sum(case((_card.version_number == comparison.new_number, 1), else_=0)).label("new_cards"),
            func.count(_card.id).label("cards"),
            Candidate.version_number.label("chosen"),
        )
        .join(Generation, Generation.id == Judgment.generation_id)
        .join(Candidate, Candidate.id == Judgment.candidate_id)
        .join(_card, _card.generation_id == Generation.id)
        .where(
            Generation.comparison_id == comparison.id,
            Generation.gold.is_(False),
            Judgment.imported.is_(False),
            Judgment.verdict.in_((Verdict.CHOSEN, Verdict.EDITED)),
            stood,
        )
        .group_by(Judgment.id, Judgment.user_id, Candidate.version_number)
        .order_by(Judgment.id)
    )
    if end is not None:
        query = query.where(Judgment.created_at <= end)
    return [
        Click(str(row.user_id), int(row.new_cards), row.cards, row.chosen == comparison.new_number)
        for row in session.execute(query)
    ]
