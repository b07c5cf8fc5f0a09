"""Prompts that enough people have judged leave the queue, so that looking for the next one stays short.

They come back if a judgment is taken back, or if more people are to judge them. What an admin took out stays out.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Kept, Prompt, Review, now
from app.db.settled import FAR
from app.services.prompts import queue_progress
from app.services.prompts.reservations import opinions, wanted_opinions

if TYPE_CHECKING:
    from app.services.prompts.studio_settings import StudioSettings

_looked_at: Kept[list[tuple[tuple[object, ...], int]]] = Kept(list)
"""Of each project: the rules, and the newest judgment, at which nothing more was done."""

_IN_THE_INDEX = (Prompt.priority, Prompt.id)
"""The order of the index of the queue, so that looking ends with the last one that is wanted."""

AT_ONCE = 500
"""The most prompts that leave the queue in one transaction."""


def due(session: Session, studio: StudioSettings) -> list[int]:
    """Return the ids of the first prompts in the queue that are done, at most `AT_ONCE`.

    Once a process has found none, it looks only at what was judged since, until an admin changes prompts or settings.
    """
    rules = (queue_progress.marked(session), studio.overlap)
    newest = session.scalar(select(func.max(Judgment.id))) or 0
    looked_at = _looked_at.of(session)
    done = _done(studio)
    if looked_at and looked_at[0][0] == rules:
        judged = select(Generation.prompt_id).join(Judgment, Judgment.generation_id == Generation.id)
        done = done.where(Prompt.id.in_(judged.where(Judgment.id > looked_at[0][1])))
    found = list(session.scalars(done.order_by(*_IN_THE_INDEX).limit(AT_ONCE)))
    if not found:  # what was found may not leave the queue this time
        settled = newest if session.get_bind().dialect.name == "sqlite" else newest - FAR
        looked_at[:] = [(rules, settled)]
    return found


def retire(
    session: Session, studio: StudioSettings, before: Prompt | None = None, among: Collection[int] | None = None
) -> int:
    """Take the first prompts that are done out of the queue, in the running transaction; return how many.

    Only those that are `among` those with the given ids, or among the `AT_ONCE` that stand next `before` a prompt, if
    these are given: further ahead many may wait that are assigned to others.
    """
    done = _done(studio)
    if among is not None:
        done = done.where(Prompt.id.in_(among))
    if before is not None:
        ahead = select(Prompt.id).where(Prompt.queued, Prompt.priority == before.priority, Prompt.id < before.id)
        done = done.where(Prompt.id.in_(ahead.order_by(Prompt.id.desc()).limit(AT_ONCE)))
    ids = done.order_by(*_IN_THE_INDEX).limit(AT_ONCE)
    return _set(session, Prompt.id.in_(ids), queued=False, retired_at=now())


def bring_back(session: Session, studio: StudioSettings, *meant: ColumnElement[bool]) -> int:
    """Put what left the queue and is no longer done back, in the running transaction; return how many.

    Only those that are `meant`, if conditions are given. A prompt that was made an attention check since then is not
    one that people have to judge, nor is one that a reviewer decided.
    """
    undone = (
        Prompt.retired_at.is_not(None),
        Prompt.gold_answer.is_(None),
        opinions(Prompt.id) < wanted_opinions(studio),
        ~_DECIDED,
    )
    return _set(session, *undone, *meant, queued=True, retired_at=None)


_DECIDED = exists(select(Review.id).where(Review.prompt_id == Prompt.id, Review.decision_id.is_not(None)))


def _done(studio: StudioSettings) -> Select[int]:
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
