"""Prompts that enough people have judged leave the queue, so that looking for the next one stays short.

They come back if a judgment is taken back, or if more people are to judge them. What an admin took out stays out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from app.db import Prompt, now
from app.services.prompts.reservations import opinions, wanted_opinions

if TYPE_CHECKING:
    from app.services.prompts.policy import Studio

AT_ONCE = 2_000
"""The most prompts that leave the queue in one transaction."""


def is_due(session: Session, studio: Studio) -> bool:
    """Tell whether a prompt that is done stands in the queue."""
    return session.scalar(_done(studio).limit(1)) is not None


def retire(session: Session, studio: Studio, before: Prompt | None = None) -> int:
    """Take the first prompts that are done out of the queue, in the running transaction; return how many.

    Only those that stand `before` a prompt, if it is given.
    """
    done = _done(studio)
    if before is not None:
        done = done.where(Prompt.priority == before.priority, Prompt.id < before.id)
    ids = done.order_by(Prompt.id).limit(AT_ONCE)
    return _set(session, Prompt.id.in_(ids), queued=False, retired_at=now())


def bring_back(session: Session, studio: Studio, *meant: ColumnElement[bool]) -> int:
    """Put what left the queue and is no longer done back, in the running transaction; return how many.

    Only those that are `meant`, if conditions are given. A prompt that was made an attention check since then is not
    one that people have to judge.
    """
    undone = (
        Prompt.retired_at.is_not(None),
        Prompt.gold_answer.is_(None),
        opinions(Prompt.id) < wanted_opinions(studio),
    )
    return _set(session, *undone, *meant, queued=True, retired_at=None)


def _done(studio: Studio) -> Select[int]:
    return select(Prompt.id).where(
        Prompt.queued, Prompt.gold_answer.is_(None), opinions(Prompt.id) >= wanted_opinions(studio)
    )


def _set(session: Session, *conditions: ColumnElement[bool], **values: object) -> int:
    found = session.execute(
        update(Prompt)
        .where(*conditions)
        .values(**values)
        .returning(Prompt.id)
        .execution_options(synchronize_session="fetch")
    )
    return len(found.all())
