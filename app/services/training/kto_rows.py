"""The rows that KTO trains on: single texts of standing judgments, marked good or bad."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.db import COUNTS, Generation, Judgment, Verdict
from app.services.training.rebuilds.readings import Reading, conditions
from app.services.training.selection import EVERYTHING, unhurried

UNPAIRED_METHOD = "kto"
"""The method that learns from single texts, and so from "none is good" too."""

MARKING = (Verdict.CHOSEN, Verdict.EDITED, Verdict.FINE, Verdict.NONE)
"""The verdicts that always mark texts. A tie of all does not say whether all are good or all are bad."""


def last_marked(session: Session) -> int | None:
    """Return the id of the last standing judgment that marks texts, or None."""
    return session.scalar(
        select(func.max(Judgment.id)).join(Generation).where(*COUNTS, *unhurried(session), *_marking())
    )


def unpaired_rows(
    session: Session, last_judgment_id: int, selection: Reading = EVERYTHING
) -> list[tuple[str, str, bool, int]]:
    """Return (prompt, text, whether it is good, judgment id) for the selected judgments up to that one, by their ids.

    A chosen or an edited text is good and the others on its screen are bad; in a tie of some, the tied texts are good
    and the rest bad. Of a ranking the first text is good and the others are bad. On a screen of which none is good, all
    are bad. A prompt that is fine is good itself, and its rewrites are bad. Ratings mark nothing: what is a good one
    differs from person to person.
    """
    judgments = session.scalars(
        select(Judgment)
        .join(Generation)
        .where(*conditions(session, selection, last_judgment_id), *_marking())
        .options(
            selectinload(Judgment.preferences),
            selectinload(Judgment.generation).selectinload(Generation.prompt),
            selectinload(Judgment.generation).selectinload(Generation.candidates),
        )
        .order_by(Judgment.id)
    )
    return [(*row, judgment.id) for judgment in judgments for row in _rows(judgment)]


def _marking() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of a judgment that marks texts; attention checks do not."""
    tie = and_(Judgment.verdict == Verdict.TIE, Judgment.tied.is_not(None))
    return Generation.gold.is_(False), or_(Judgment.verdict.in_(MARKING), tie)


def _rows(judgment: Judgment) -> list[tuple[str, str, bool]]:
    screen = judgment.generation
    prompt, candidates = screen.prompt.text, screen.candidates
    if judgment.verdict == Verdict.NONE:
        return [(prompt, candidate.text, False) for candidate in candidates]
    if judgment.verdict == Verdict.TIE:
        tied = set(judgment.tied or ())
        if all(candidate.id in tied for candidate in candidates):
            return []
        return [(prompt, candidate.text, candidate.id in tied) for candidate in candidates]
    # A ranked text is preferred to those behind it and yet not the best.
    pairs = [pair for pair in judgment.preferences if pair.chosen == judgment.preferences[0].chosen]
    good = [(pair.prompt, pair.chosen, True) for pair in pairs[:1]]
    return good + [(pair.prompt, pair.rejected, False) for pair in pairs]
