"""Standing judgments as single texts marked good or bad: what KTO learns from."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from app.db import Generation, Judgment, Verdict

UNPAIRED_METHOD = "kto"
"""The method that learns from single texts, and so from "none is good" too."""

MARKING = (Verdict.CHOSEN, Verdict.EDITED, Verdict.NONE)
"""The verdicts that mark texts. A tie does not say whether all are good or all are bad."""


def last_marked(session: Session) -> int | None:
    """The id of the last standing judgment that marks texts."""
    return session.scalar(
        select(func.max(Judgment.id)).where(Judgment.undone_at.is_(None), Judgment.verdict.in_(MARKING))
    )


def unpaired_rows(session: Session, last_judgment_id: int) -> list[tuple[str, str, bool]]:
    """(prompt, text, whether it is good) of every standing judgment up to that one, in the order they were made.

    A chosen or an edited text is good, the others on its screen are bad; on a screen of which none was good, all are.
    """
    judgments = session.scalars(
        select(Judgment)
        .where(Judgment.undone_at.is_(None), Judgment.id <= last_judgment_id, Judgment.verdict.in_(MARKING))
        .options(
            selectinload(Judgment.preferences),
            selectinload(Judgment.generation).selectinload(Generation.prompt),
            selectinload(Judgment.generation).selectinload(Generation.candidates),
        )
        .order_by(Judgment.id)
    )
    return [row for judgment in judgments for row in _rows(judgment)]


def _rows(judgment: Judgment) -> list[tuple[str, str, bool]]:
    if judgment.verdict == Verdict.NONE:
        screen = judgment.generation
        return [(screen.prompt.text, candidate.text, False) for candidate in screen.candidates]
    pairs = judgment.preferences
    good = [(pair.prompt, pair.chosen, True) for pair in pairs[:1]]
    return good + [(pair.prompt, pair.rejected, False) for pair in pairs]
