"""The queue: which prompt a person is served next."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt
from app.services.prompts import queue_progress
from app.services.prompts.assigning import served
from app.services.prompts.assigning.served import Own
from app.services.prompts.assigning.standing import free, not_kept_from, standing
from app.services.prompts.queue_progress import BEGINNING, END, Place
from app.services.prompts.reservations import has_place, open_for
from app.services.prompts.studio_settings import StudioSettings

LOOK_BACK = 300
"""Number of a person's latest screens among which one without a judgment is looked for."""

LONGEST_STRETCH = 2_000
"""The most prompts of several priorities that are sorted at once."""
MOST_LEFT = 1_000
"""The number up to which the prompts that wait for a person are counted."""

WAITING = and_(Prompt.queued, Prompt.gold_answer.is_(None))
CURRENT = Generation.superseded_by.is_(None)
"""Screens that were not replaced by a later choice of cards."""
GOLD = and_(Prompt.queued, Prompt.gold_answer.is_not(None))


def next_waiting(session: Session, user_id: int, studio: StudioSettings) -> Prompt | None:
    """Return the prompt to serve a person next, of those assigned to them or else of those that are kept for nobody.

    It is one that they have not had, of the highest priority, then the oldest. It has a place for them, which they must
    still reserve. Attention checks are not among them: see `next_gold`.
    """
    free_place, new = has_place(user_id, studio), ~_had(user_id, ~Generation.gold)
    assigned = served.next_assigned(session, user_id, studio, and_(WAITING, new), free_place)
    if assigned is not None:
        return assigned
    return _first(session, _first_open(session, user_id, studio), free_place, new, *free(session))


def left(session: Session, user_id: int, studio: StudioSettings) -> int:
    """Count the prompts that still wait for a person's judgment, drawn for them already or not, up to MOST_LEFT."""
    unjudged = (_unjudged(user_id, studio), *not_kept_from(session, user_id))
    drawn = session.scalar(select(func.count(Generation.id)).join(Prompt).where(*unjudged)) or 0
    new = ~_had(user_id, ~Generation.gold)
    assigned = served.waiting(session, user_id, studio, and_(WAITING, new), MOST_LEFT).waiting
    place = _first_open(session, user_id, studio)
    if place == END:
        return min(MOST_LEFT, drawn + assigned)
    behind = or_(Prompt.priority < place.priority, and_(Prompt.priority == place.priority, Prompt.id >= place.id))
    waiting = select(Prompt.id).where(WAITING, behind, new, open_for(studio), *free(session))
    undrawn = session.scalar(select(func.count()).select_from(waiting.limit(MOST_LEFT).subquery())) or 0
    return min(MOST_LEFT, drawn + assigned + undrawn)


def assigned(session: Session, user_id: int, studio: StudioSettings) -> Own:
    """Count the prompts assigned to a person that wait for their judgment, drawn already or not, up to MOST_LEFT."""
    return served.waiting(session, user_id, studio, WAITING, MOST_LEFT)


def _first_open(session: Session, user_id: int, studio: StudioSettings) -> Place:
    """Return the place of the first prompt that wants a judgment and that a person has not had, reserved or not."""
    # What they had is told more quickly; what is kept for people is another one when an assignment ends with its day.
    wanted = (*free(session), ~_had(user_id, ~Generation.gold), open_for(studio))
    holding = tuple(one.id for one in standing(session))
    seen = queue_progress.look(session, studio.overlap, studio.most_skips, holding)
    known = queue_progress.known(session, user_id)
    place = BEGINNING
    if known is not None and known[0].rules == seen.rules:
        before, place = known
        if seen.newest > before.newest:
            place = _earlier(session, place, Prompt.id > before.newest, *wanted)
        if seen.undone != before.undone:
            undone = (
                select(Generation.prompt_id)
                .join(Judgment, Judgment.generation_id == Generation.id)
                .where(Judgment.undone_at >= before.undone_after)
            )
            place = _earlier(session, place, Prompt.id.in_(undone), *wanted)
    found = _first(session, place, *wanted)
    place = END if found is None else Place.of(found)
    queue_progress.keep(session, user_id, seen, place)
    return place


def _first(session: Session, place: Place, *conditions: ColumnElement[bool]) -> Prompt | None:
    """Return the first ordinary prompt of the queue at that place or behind it that meets the conditions."""
    if place == END:
        return None
    for priority in levels(session, None if place == BEGINNING else place.priority):
        least = place.id if priority == place.priority else 0
        found = session.scalar(
            select(Prompt)
            .where(WAITING, Prompt.priority == priority, Prompt.id >= least, *conditions)
            .order_by(Prompt.id)
            .limit(1)
        )
        if found is not None:
            return found
    return None


def _earlier(session: Session, place: Place, *conditions: ColumnElement[bool]) -> Place:
    """Return the place of the first of a few prompts that meet the conditions if it is before `place`, else that."""
    found = session.scalar(
        select(Prompt).where(WAITING, *conditions).order_by(Prompt.priority.desc(), Prompt.id).limit(1)
    )
    return place if found is None else min(place, Place.of(found))


def levels(session: Session, at_most: int | None = None) -> Iterator[int]:
    """Yield the priorities in the queue, the highest first; each takes one lookup in the index."""
    while True:
        limit = () if at_most is None else (Prompt.priority <= at_most,)
        highest = session.scalar(select(func.max(Prompt.priority)).where(Prompt.queued, *limit))
        if highest is None:
            return
        yield highest
        at_most = highest - 1


def stretches(session: Session, at_most: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield the lowest and the highest priority of each stretch of the queue, the highest first.

    A stretch has one priority, or so few prompts that they can be sorted, so that a queue of many priorities does not
    take a lookup for each.
    """
    least = session.scalar(select(func.min(Prompt.priority)).where(Prompt.queued))
    while True:
        limit = () if at_most is None else (Prompt.priority <= at_most,)
        left = select(Prompt.priority).where(Prompt.queued, *limit).order_by(Prompt.priority.desc())
        highest = session.scalar(left.limit(1))
        if highest is None or least is None:
            return
        beyond = session.scalar(left.offset(LONGEST_STRETCH).limit(1))
        lowest = least if beyond is None else min(beyond + 1, highest)
        yield lowest, highest
        at_most = lowest - 1


def next_gold(session: Session, user_id: int, studio: StudioSettings) -> Prompt | None:
    """Return the attention check to serve now, if one is due: on average one screen in `studio.gold_every`.

    The distance to the one before is random, from half to one and a half times that many screens, so that it cannot be
    predicted; it depends on the person and their last check only, so that a repeated request gives the same. Each
    person is served each check once.
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


def left_over(session: Session, user_id: int, shown: Collection[int], studio: StudioSettings) -> Generation | None:
    """Return the oldest of a person's latest screens that still waits for their judgment and is not in `shown`.

    A screen of the queue waits as long as its prompt has a place for the person and is not kept for others. A screen
    whose cards were chosen again while its prompt was already shown with the earlier cards came too late and is left
    out.
    """
    return session.scalar(
        select(Generation)
        .join(Prompt)
        .where(
            _unjudged(user_id, studio),
            *not_kept_from(session, user_id),
            Generation.prompt_id.not_in(select(Generation.prompt_id).where(Generation.id.in_(shown))),
        )
        .order_by(Generation.id)
        .limit(1)
    )


def _unjudged(user_id: int, studio: StudioSettings) -> ColumnElement[bool]:
    """Return the condition of those of a person's latest screens that still wait for their judgment."""
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
    return and_(Generation.id.in_(select(latest.c.id)), ~standing, ~_WITHDRAWN, wants, Prompt.queued)


def screen_of(session: Session, user_id: int, prompt: Prompt, gold: bool) -> Generation | None:
    """Return the person's screen of a prompt, or None; locks the prompt until the running transaction ends."""
    session.get(Prompt, prompt.id, with_for_update=True, populate_existing=True)
    return session.scalar(
        select(Generation)
        .where(Generation.prompt_id == prompt.id, Generation.user_id == user_id, Generation.gold.is_(gold), CURRENT)
        .where(~_WITHDRAWN)
        .order_by(Generation.id)
        .limit(1)
    )


_WITHDRAWN = exists(
    select(Judgment.id).where(
        Judgment.generation_id == Generation.id,
        or_(Judgment.imported, Judgment.decision),
        Judgment.undone_at.is_not(None),
    )
)
"""Of screens that a file or a review brought and whose judgment was undone: nobody is served these candidates."""


def _had(user_id: int, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    # Found by the prompt: by the index of the people, SQLite would walk all their screens for each prompt.
    of_person = (Generation.prompt_id == Prompt.id, Generation.user_id + 0 == user_id, ~_WITHDRAWN)
    return exists(select(Generation.id).where(*of_person, *conditions))
