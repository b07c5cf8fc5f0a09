"""Places of prompts: how many people have judged one, for whom the others are kept, and which are free.

A prompt with an overlap of k has k places. A judgment that says something takes one for good; a skip takes none, since
it is no opinion. A place is reserved for a person before a screen of the prompt is drawn for them, and is theirs as
long as they work: each time they ask for a screen, what is on their desk is reserved anew. So nobody is served what
enough others have judged or are looking at, and what somebody walked away from is free again after RESERVED_FOR.
Of imported judgments, the people whom the file names are counted, not the one who imported it. A decision of a reviewer
takes no place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, delete, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db import JUDGE, Generation, Judgment, Prompt, Reservation, Verdict, now, write_transaction

if TYPE_CHECKING:
    from app.services.prompts.studio_settings import StudioSettings

RESERVED_FOR = timedelta(minutes=15)
_RENEWED_BEFORE = RESERVED_FOR / 2

_COUNTED = (~Generation.gold, Judgment.undone_at.is_(None), ~Judgment.decision)
OPINIONS = (*_COUNTED, Judgment.verdict != Verdict.SKIPPED)
"""The judgments that say something of a prompt; attention checks do not count."""


def opinions(prompt_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """Count the people whose judgments of a prompt stand and say something; attention checks do not count."""
    return _people(prompt_id, Judgment.verdict != Verdict.SKIPPED)


def skips(prompt_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """Count the people who skipped or flagged a prompt."""
    return _people(prompt_id, Judgment.verdict == Verdict.SKIPPED)


def counts_of(session: Session, prompt_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return how many people said something of each of the prompts, and how many skipped it; nobody is not named."""
    skipped = case((Judgment.verdict == Verdict.SKIPPED, JUDGE))
    said = case((Judgment.verdict != Verdict.SKIPPED, JUDGE))
    judged = session.execute(
        select(Generation.prompt_id, func.count(said.distinct()), func.count(skipped.distinct()))
        .join(Judgment, Judgment.generation_id == Generation.id)
        .where(Generation.prompt_id.in_(list(prompt_ids)), *_COUNTED)
        .group_by(Generation.prompt_id)
    )
    return {prompt_id: (opinions, skips) for prompt_id, opinions, skips in judged}


def wanted_opinions(studio: StudioSettings) -> ColumnElement[int]:
    """Return how many people are to judge a prompt."""
    return func.coalesce(Prompt.overlap, studio.overlap)


def open_for(studio: StudioSettings) -> ColumnElement[bool]:
    """Tell whether a prompt wants more judgments and has not been skipped too often."""
    return and_(opinions(Prompt.id) < wanted_opinions(studio), skips(Prompt.id) < studio.most_skips)


def has_place(user_id: int, studio: StudioSettings) -> ColumnElement[bool]:
    """Tell whether a prompt that is open has a place for a person, beside those who judged it or have it reserved."""
    judged = exists(
        select(Judgment.id)
        .join(Generation, Judgment.generation_id == Generation.id)
        .where(
            Generation.prompt_id == Prompt.id,
            *_COUNTED,
            Judgment.user_id == Reservation.user_id,
            Judgment.annotator.is_(None),  # what they imported of somebody else is not their own opinion
        )
        .correlate(Prompt, Reservation)
    )
    reserved = (
        select(func.count())
        .select_from(Reservation)
        .where(Reservation.prompt_id == Prompt.id, Reservation.user_id != user_id, Reservation.until > now(), ~judged)
        .correlate(Prompt)
        .scalar_subquery()
    )
    return and_(opinions(Prompt.id) + reserved < wanted_opinions(studio), skips(Prompt.id) < studio.most_skips)


def reserve(session: Session, user_id: int, prompt_id: int, studio: StudioSettings) -> bool:
    """Keep a place of a prompt for a person, in a transaction of its own; False if there is none left.

    Nothing is written if it is kept for them for a while yet.
    """
    kept = session.get(Reservation, (prompt_id, user_id), populate_existing=True)
    if kept is not None and kept.until > now() + _RENEWED_BEFORE:
        return True
    with write_transaction(session):
        if not still_theirs(session, user_id, prompt_id, studio):
            return False
        mine = session.get(Reservation, (prompt_id, user_id))
        if mine is None:
            mine = Reservation(prompt_id=prompt_id, user_id=user_id)
            session.add(mine)
        mine.until = now() + RESERVED_FOR
        session.execute(
            delete(Reservation)
            .where(Reservation.user_id == user_id, Reservation.until < now())
            .execution_options(synchronize_session=False)
        )
    return True


def release(session: Session, user_id: int, prompt_id: int) -> None:
    """Free the place of a prompt that is kept for a person, in a transaction of its own."""
    with write_transaction(session):
        session.execute(
            delete(Reservation)
            .where(Reservation.user_id == user_id, Reservation.prompt_id == prompt_id)
            .execution_options(synchronize_session=False)
        )


def still_theirs(session: Session, user_id: int, prompt_id: int, studio: StudioSettings) -> bool:
    """Tell whether a prompt has a place for a person. Holds the prompt until the running transaction ends."""
    session.get(Prompt, prompt_id, with_for_update=True, populate_existing=True)
    return session.scalar(select(Prompt.id).where(Prompt.id == prompt_id, has_place(user_id, studio))) is not None


def renew(session: Session, user_id: int, shown: Collection[int]) -> None:
    """Keep what is on a person's desk, the prompts of the screens `shown`, for them, if it still is theirs."""
    theirs = and_(
        Reservation.user_id == user_id,
        Reservation.prompt_id.in_(select(Generation.prompt_id).where(Generation.id.in_(shown))),
        Reservation.until > now(),
    )
    first = session.scalar(select(func.min(Reservation.until)).where(theirs)) if shown else None
    if first is None or first > now() + _RENEWED_BEFORE:
        return
    with write_transaction(session):
        session.execute(
            update(Reservation)
            .where(theirs)
            .values(until=now() + RESERVED_FOR)
            .execution_options(synchronize_session=False)
        )


def _people(prompt_id: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return (
        select(func.count(JUDGE.distinct()))
        .join(Generation, Judgment.generation_id == Generation.id)
        .where(Generation.prompt_id == prompt_id, *_COUNTED, *conditions)
        .correlate(Prompt)
        .scalar_subquery()
    )
