"""The queue: which prompt a person is served next, and what of it was served to whom."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt
from app.services.prompts.policy import Studio
from app.services.prompts.reservations import has_place

LOOK_BACK = 300
"""Among so many of their latest screens a person's unjudged one is looked for."""

WAITING = and_(Prompt.queued, Prompt.gold_answer.is_(None))
CURRENT = Generation.superseded_by.is_(None)
"""Of the screens that were chosen again before anybody judged them, the last."""
GOLD = and_(Prompt.queued, Prompt.gold_answer.is_not(None))


def next_waiting(session: Session, user_id: int, studio: Studio) -> Prompt | None:
    """Return the prompt to serve a person next: the highest priority first, then the oldest, never one they have had.

    It has a place for them, which they must still reserve. Attention checks are not among them: see `next_gold`.
    """
    had = _had(user_id, ~Generation.gold)
    for priority in levels(session):
        found = session.scalar(
            select(Prompt)
            .where(WAITING, Prompt.priority == priority, has_place(user_id, studio), ~had)
            .order_by(Prompt.id)
            .limit(1)
        )
        if found is not None:
            return found
    return None


def levels(session: Session, at_most: int | None = None) -> Iterator[int]:
    """The priorities in the queue, the highest first; each is one look into the index."""
    while True:
        limit = () if at_most is None else (Prompt.priority <= at_most,)
        highest = session.scalar(select(func.max(Prompt.priority)).where(Prompt.queued, *limit))
        if highest is None:
            return
        yield highest
        at_most = highest - 1


def next_gold(session: Session, user_id: int, studio: Studio) -> Prompt | None:
    """The attention check to serve a person now, if one is due: on average one screen in `studio.gold_every`.

    The distance to the one before is drawn anew each time, from half to one and a half times that many screens, so
    that nobody can count on it; it depends on the person and their last check alone, so that asking again changes
    nothing. Each person is served each check once.
    """
    if not studio.gold_every or not _gold_is_due(session, user_id, studio.gold_every):
        return None
    return session.scalar(
        select(Prompt)
        # The few checks are found by their own index: that of the queue would be walked from end to end.
        .where(Prompt.gold_answer.is_not(None), func.coalesce(Prompt.queued, False), ~_had(user_id))
        .order_by(func.coalesce(Prompt.priority, 0).desc(), Prompt.id)
        .limit(1)
    )


def _gold_is_due(session: Session, user_id: int, every: int) -> bool:
    """Whether the person has had so many screens since their last check that the next may be one."""
    longest = every + every // 2
    latest = session.execute(
        select(Generation.id, Generation.gold)
        .where(Generation.user_id == user_id, CURRENT)
        .order_by(Generation.id.desc())
        .limit(longest)
    ).all()
    since = next((place for place, screen in enumerate(latest) if screen.gold), len(latest))
    last = latest[since].id if since < len(latest) else None
    distance = random.Random(f"{user_id}:{last}").randint(every - every // 2, longest)
    return since >= distance - 1


def left_over(session: Session, user_id: int, shown: Collection[int], studio: Studio) -> Generation | None:
    """The oldest of a person's latest screens that still waits for their judgment, but none of `shown`.

    A screen of the queue does, as long as its prompt has a place for them. What was chosen again for a prompt that is
    shown already, in cards that were chosen before, came too late and is not asked for a second time.
    """
    latest = (
        select(Generation.id)
        .where(Generation.user_id == user_id, CURRENT)
        .order_by(Generation.id.desc())
        .limit(LOOK_BACK)
        .subquery()
    )
    standing = exists(select(Judgment.id).where(Judgment.generation_id == Generation.id, Judgment.undone_at.is_(None)))
    wants = or_(
        and_(Generation.gold, Prompt.gold_answer.is_not(None)),
        and_(~Generation.gold, Prompt.gold_answer.is_(None), has_place(user_id, studio)),
    )
    return session.scalar(
        select(Generation)
        .join(Prompt)
        .where(
            Generation.id.in_(select(latest.c.id)),
            Generation.prompt_id.not_in(select(Generation.prompt_id).where(Generation.id.in_(shown))),
            ~standing,
            wants,
            Prompt.queued,
        )
        .order_by(Generation.id)
        .limit(1)
    )


def screen_of(session: Session, user_id: int, prompt: Prompt, gold: bool) -> Generation | None:
    """The screen of a prompt that a person has already. Holds the prompt until the running transaction ends."""
    session.get(Prompt, prompt.id, with_for_update=True, populate_existing=True)
    return session.scalar(
        select(Generation)
        .where(Generation.prompt_id == prompt.id, Generation.user_id == user_id, Generation.gold.is_(gold), CURRENT)
        .order_by(Generation.id)
        .limit(1)
    )


def _had(user_id: int, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    screens = select(Generation.id).where(Generation.prompt_id == Prompt.id, Generation.user_id == user_id, *conditions)
    return exists(screens)
