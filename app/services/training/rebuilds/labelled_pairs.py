"""The pairs that a reward head labelled for a run, kept so that the run can be repeated.

How many there are depends on how fast the machine drew, and which on what waited in the queue that day. They are kept
in the database and not with the version, because they are texts: they go with the prompts that they are of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.db import LabelledPair
from app.services.prompts import prompts

Pair = tuple[str, str, str]
"""A text, its chosen and its rejected rewrite."""


def keep(session: Session, run_id: int, pairs: Sequence[Pair], comes_with_mellow: Callable[[str], bool]) -> None:
    """Keep the pairs of a run in the place of those of an earlier attempt, in the running transaction.

    A text that is no prompt any more and does not come with Mellow was deleted meanwhile: its pair is not kept.
    """
    session.execute(delete(LabelledPair).where(LabelledPair.run_id == run_id))
    known = prompts.by_text(session, {text for text, _, _ in pairs})
    rows = [
        {
            "run_id": run_id,
            "prompt_id": known[text].id if text in known else None,
            "text": text,
            "chosen": chosen,
            "rejected": rejected,
        }
        for text, chosen, rejected in pairs
        if text in known or comes_with_mellow(text)
    ]
    if rows:
        session.execute(insert(LabelledPair), rows)


def kept(session: Session, run_id: int) -> list[Pair]:
    """Return the pairs of a run in their order, but for those whose prompts were deleted."""
    columns = select(LabelledPair.text, LabelledPair.chosen, LabelledPair.rejected)
    found = session.execute(columns.where(LabelledPair.run_id == run_id).order_by(LabelledPair.id))
    return [(text, chosen, rejected) for text, chosen, rejected in found]
