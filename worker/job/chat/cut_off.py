"""Which answers were cut off: stopped by the limit of tokens in the middle of what the model had to say."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.db import Generation, Judgment
from app.services.training.rebuilds.readings import Reading, conditions

CutOff = Mapping[int, frozenset[str]]
"""The answers that were cut off on the screen of each judgment, by its id; judgments without any are absent."""

_AT_THE_LIMIT = "length"


def cut_off(session: Session, last_judgment_id: int, selection: Reading) -> CutOff:
    """Return the answers that were cut off, of every judgment up to that id that is read.

    What a person made of such an answer by editing it is another text, and not among them.
    """
    rows = session.execute(
        select(Judgment.id, Generation)
        .join(Generation, Generation.id == Judgment.generation_id)
        .where(*conditions(session, selection, last_judgment_id))
        .options(selectinload(Generation.candidates))
    )
    screens = [(judgment, screen) for judgment, screen in rows]
    return {judgment: texts for judgment, screen in screens if (texts := _cut_texts(session, screen))}


def _cut_texts(session: Session, screen: Generation) -> frozenset[str]:
    """Return the answers of a screen that were cut off, as the screen says that it is a copy of, if it is one."""
    first: Generation | None = screen
    while first is not None and "copy_of" in first.sampling:
        first = session.get(Generation, first.sampling["copy_of"])
    if first is None:
        return frozenset()
    ended = dict(enumerate(first.sampling.get("ended", ())))
    return frozenset(card.text for card in first.candidates if ended.get(card.position) == _AT_THE_LIMIT)
