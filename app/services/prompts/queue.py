"""The queue: which prompt a person is served next.

A prompt with an overlap of k is for k people. One that has k judgments is done; a day later it leaves the queue, when a
search passes it, so that a search stays short however much was judged. As long as there are others, nobody is served a
prompt that k people have open already; when there are none, somebody is, so that a person who left a screen does not
block the prompt.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from datetime import timedelta

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db import Generation, Judgment, Prompt, now
from app.services.prompts.policy import Studio

LOOK_BACK = 300
"""Number of a person's latest screens among which one without a judgment is looked for."""
RETIRED_AFTER = timedelta(days=1)
RETIRED_AT_ONCE = 500

WAITING = and_(Prompt.queued, Prompt.gold_answer.is_(None))
CURRENT = Generation.superseded_by.is_(None)
"""Screens that were not replaced by a later choice of cards."""
GOLD = and_(Prompt.queued, Prompt.gold_answer.is_not(None))


def judges(prompt_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """Count the people whose judgments of a prompt stand; those of attention checks do not count."""
    return (
        select(func.count(Judgment.user_id.distinct()))
        .join(Generation, Judgment.generation_id == Generation.id)
        .where(Generation.prompt_id == prompt_id, ~Generation.gold, Judgment.undone_at.is_(None))
        .correlate(Prompt)
        .scalar_subquery()
    )


def wanted_judges(studio: Studio) -> ColumnElement[int]:
    """Return how many people are to judge a prompt."""
    return func.coalesce(Prompt.overlap, studio.overlap)


def next_waiting(session: Session, user_id: int, studio: Studio) -> Prompt | None:
    """Return the prompt to serve next: the highest priority first, then the oldest, never one that the person has had.

    Attention checks are not among them: see `next_gold`.
    """
    had = _had(user_id, ~Generation.gold)
    open_for = (
        select(func.count(Generation.user_id.distinct()))
        .where(Generation.prompt_id == Prompt.id, ~Generation.gold)
        .correlate(Prompt)
        .scalar_subquery()
    )
    for people in (open_for, judges(Prompt.id)):
        for priority in levels(session):
            found = session.scalar(
                select(Prompt)
                .where(WAITING, Prompt.priority == priority, people < wanted_judges(studio), ~had)
                .order_by(Prompt.id)
                .limit(1)
            )
            if found is not None:
                return found
    return None


def levels(session: Session, at_most: int | None = None) -> Iterator[int]:
    """Yield the priorities in the queue, the highest first; each takes one lookup in the index."""
    while True:
        limit = () if at_most is None else (Prompt.priority <= at_most,)
        highest = session.scalar(select(func.max(Prompt.priority)).where(Prompt.queued, *limit))
        if highest is None:
            return
        yield highest
        at_most = highest - 1


def retire(session: Session, before: Prompt, studio: Studio) -> None:
    """Take out of the queue the prompts before `before` that were done more than a day ago, in the running transaction.

    Not sooner, so that a judgment that is undone soon can be made again.
    """
    of_late = exists(
        select(Judgment.id)
        .join(Generation, Judgment.generation_id == Generation.id)
        .where(Generation.prompt_id == Prompt.id, Judgment.created_at > now() - RETIRED_AFTER)
    )
    done = (
        select(Prompt.id)
        .where(
            WAITING,
            Prompt.priority == before.priority,
            Prompt.id < before.id,
            judges(Prompt.id) >= wanted_judges(studio),
            ~of_late,
        )
        .order_by(Prompt.id)
        .limit(RETIRED_AT_ONCE)
    )
    session.execute(
        update(Prompt).where(Prompt.id.in_(done)).values(queued=False).execution_options(synchronize_session=False)
    )


def next_gold(session: Session, user_id: int, studio: Studio) -> Prompt | None:
    """Return the attention check to serve now, if one is due: on average one screen in `studio.gold_every`.

    The distance to the one before is random, from half to one and a half times that many screens, so that it cannot be
    predicted; it depends on the person and their last check only, so that a repeated request gives the same. Each
    person is served each check once.
    """
    if not studio.gold_every or not _gold_is_due(session, user_id, studio.gold_every):
        return None
    return session.scalar(
        select(Prompt).where(GOLD, ~_had(user_id)).order_by(Prompt.priority.desc(), Prompt.id).limit(1)
    )


def _gold_is_due(session: Session, user_id: int, every: int) -> bool:
    """Return whether the person has had enough screens since their last check."""
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
    """Return the oldest of a person's latest screens that still waits for their judgment and is not in `shown`.

    A screen of the queue waits as long as its prompt needs judgments. A screen whose cards were chosen again while its
    prompt was already shown with the earlier cards came too late and is left out.
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
        and_(~Generation.gold, Prompt.gold_answer.is_(None), judges(Prompt.id) < wanted_judges(studio)),
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
    """Return the person's screen of a prompt, or None; locks the prompt until the running transaction ends."""
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
