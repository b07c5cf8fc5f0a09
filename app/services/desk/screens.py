"""Screens: what a person is shown next, drawn for a text of their own or for a prompt of the queue, and stored."""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app.db import Candidate, DrawnPool, Generation, Prompt, write_transaction
from app.domain_errors import NotFound
from app.services.desk.answering import Tell, draw_answers, tell_nobody
from app.services.desk.drawing import Beside, Drawn, draw
from app.services.desk.storing import store_check, store_copy, store_drawn
from app.services.prompts import prompts, queue, reservations, retirement, studio_settings
from app.services.prompts.prompts import Turns
from app.services.prompts.studio_settings import StudioSettings
from app.services.system import audit
from app.services.training.reward.heads import Chooser
from app.words import gettext
from models.chat.answers import AnyGenerator, ChatGenerator
from models.model_errors import ConversationRefused, InputTooLong, ModelError
from models.serving import pool
from models.serving.generator import Sampling, Screen
from models.serving.screen import Gone, never

log = logging.getLogger(__name__)


def generate(
    session: Session,
    generator: AnyGenerator,
    user_id: int,
    text: str,
    sampling: Sampling,
    chooser: Chooser | None = None,
    *,
    source: str = "typed",
    gone: Gone = never,
    beside: Beside | None = None,
    turns: Turns = (),
    tell: Tell = tell_nobody,
) -> tuple[Generation, bool]:
    """Sample and store one screen for `text`; returns it and whether the model ran out of different rewrites.

    The reward head of `chooser` selects what is shown, of the version `beside`, too, if there is one. A chat model
    answers `text` after `turns`, and `tell` hears its answers while they are written. Raises InputTooLong,
    AnswersRefused, WriterBusy, WriterAway, and NoLongerWanted as soon as `gone` tells so. Either all of it is stored or
    nothing; no transaction is open while the model works.
    """
    decided = studio_settings.settings(session)
    session.commit()
    drawn = _drawn(text, turns, generator, beside, sampling, decided, chooser, gone, tell)
    with write_transaction(session):
        prompt = prompts.find_or_add(session, text, source, turns)
        generation = store_drawn(session, prompt, user_id, drawn)
    return generation, drawn.screen.exhausted


def next_screen(
    session: Session,
    generator: AnyGenerator,
    user_id: int,
    sampling: Sampling,
    shown: Collection[int],
    chooser: Chooser | None = None,
    gone: Gone = never,
    beside: Beside | None = None,
    tell: Tell = tell_nobody,
) -> tuple[Generation, bool] | None:
    """Return the next screen of the queue for a person, or None when the queue holds nothing for them.

    A screen that was made for them and never judged comes again, unless its id is among `shown`; if the reward head has
    changed since, its cards are chosen again. Now and then it is an attention check. A prompt for several people shows
    all of them the same candidates, each in a random order of their own. With a version `beside`, what is drawn has
    cards of both; `tell` hears the answers of a chat model while they are written. Raises NoLongerWanted as soon as
    `gone` tells so, and ModelError if the model cannot be asked; the prompt then waits for anybody. Raises
    ConversationRefused for a prompt that the model does not take, which has then left the queue.
    """
    decided = studio_settings.settings(session)
    reservations.renew(session, user_id, shown)
    while (waiting := queue.left_over(session, user_id, shown, decided)) is not None:
        if waiting.gold:
            left = _with_todays_answer(session, waiting, generator, decided)
        elif reservations.reserve(session, user_id, waiting.prompt_id, decided):
            left = _choose_again(session, generator, waiting, sampling, decided, chooser, gone)
        else:
            continue  # somebody else took the place meanwhile: it is no longer found
        if left is not None:
            return left, False
    check = queue.next_gold(session, user_id, decided)
    if check is not None:
        with write_transaction(session):
            # Looked up again: the same person may have two tabs.
            met = queue.screen_of(session, user_id, check, gold=True)
            return met or _new_check(session, check, user_id, generator, decided), False
    while (prompt := queue.next_waiting(session, user_id, decided)) is not None:
        if not reservations.reserve(session, user_id, prompt.id, decided):
            continue
        try:
            served = _serve(session, generator, user_id, prompt, sampling, decided, chooser, gone, beside, tell)
        except InputTooLong as refusal:
            _set_aside(session, prompt, str(refusal))
        except ConversationRefused as refusal:
            _set_aside(session, prompt, str(refusal))
            raise  # the system message may be why, and then no other prompt must leave at once
        except ModelError:
            reservations.release(session, user_id, prompt.id)
            raise
        else:
            if served is not None:
                return served
    _retire(session, decided)
    return None


def _retire(session: Session, decided: StudioSettings) -> None:
    """Let what is done leave a queue that holds nothing for somebody, so that the next look at it is short."""
    if done := retirement.due(session, decided):  # most looks find nothing, and must not hold up those who write
        with write_transaction(session):
            retirement.retire(session, decided, among=done)


def _set_aside(session: Session, prompt: Prompt, reason: str) -> None:
    """Take a prompt that is too long for the model out of the queue, so that it does not block the others."""
    with write_transaction(session):
        prompt.queued = False
        audit.record(session, None, "prompt.unreadable", f"prompt {prompt.id}", reason=reason)


def own(session: Session, user_id: int, generation_id: int) -> Generation:
    """Return a person's own screen; raises NotFound for anyone else's."""
    generation = session.get(Generation, generation_id)
    if generation is None or generation.user_id != user_id:
        raise NotFound(gettext("There is no generation %(id)s of yours.", id=generation_id))
    return generation


def _serve(
    session: Session,
    generator: AnyGenerator,
    user_id: int,
    prompt: Prompt,
    sampling: Sampling,
    decided: StudioSettings,
    chooser: Chooser | None,
    gone: Gone,
    beside: Beside | None,
    tell: Tell,
) -> tuple[Generation, bool] | None:
    """Draw and store a screen of a prompt that is reserved.

    None if others took the place while it was drawn, or the prompt or the screen to copy was deleted.
    """
    shared = (prompt.overlap or decided.overlap) > 1
    prompt_id, text, turns = prompt.id, prompt.text, prompt.turns or ()
    drawn = None
    if not (shared and _first_screen(session, prompt_id)):
        session.commit()
        drawn = _drawn(text, turns, generator, beside, sampling, decided, chooser, gone, tell)
    with write_transaction(session):
        if session.get(Prompt, prompt_id, with_for_update=True, populate_existing=True) is None:
            return None
        # Looked up again: this person or another may have been given the same prompt in the meantime.
        mine = queue.screen_of(session, user_id, prompt, gold=False)
        if mine is not None:
            return mine, False
        if not reservations.still_theirs(session, user_id, prompt.id, decided):
            return None
        first = _first_screen(session, prompt.id) if shared else None
        retirement.retire(session, decided, before=prompt)
        if first is not None:
            return store_copy(session, first, user_id), False
        if drawn is None:
            return None
        return store_drawn(session, prompt, user_id, drawn), drawn.screen.exhausted


def _drawn(
    text: str,
    turns: Turns,
    generator: AnyGenerator,
    beside: Beside | None,
    sampling: Sampling,
    decided: StudioSettings,
    chooser: Chooser | None,
    gone: Gone,
    tell: Tell,
) -> Drawn:
    """Draw what a screen of a prompt is to show: answers of a chat model, or else rewrites."""
    if isinstance(generator, ChatGenerator):
        return draw_answers(text, turns, generator, sampling, decided, gone, tell)
    return draw(text, generator, beside, sampling, chooser, gone, decided.cards)


def _new_check(
    session: Session, check: Prompt, user_id: int, generator: AnyGenerator, decided: StudioSettings
) -> Generation:
    """Store an attention check that looks like what the version in memory would write."""
    system = decided.system_message if isinstance(generator, ChatGenerator) else None
    return store_check(session, check, user_id, generator.version, decided.cards, system)


def _with_todays_answer(
    session: Session, waiting: Generation, generator: AnyGenerator, decided: StudioSettings
) -> Generation | None:
    """Return the screen to show in the place of an unjudged one of a check: itself, unless the answer changed.

    None if it was deleted meanwhile.
    """
    if any(one.right and one.text == waiting.prompt.gold_answer for one in waiting.candidates):
        return waiting
    screen_id = waiting.id
    with write_transaction(session):
        held = _held(session, screen_id)
        if held is not None and held.superseded_by is None:
            held.superseded_by = _new_check(session, held.prompt, held.user_id, generator, decided).id
        return session.get_one(Generation, held.superseded_by) if held is not None else None


def _held(session: Session, screen_id: int) -> Generation | None:
    """Return a screen as it is now, locked until the running transaction ends; None if it was deleted."""
    return session.get(Generation, screen_id, with_for_update=True, populate_existing=True)


def _choose_again(
    session: Session,
    generator: AnyGenerator,
    waiting: Generation,
    sampling: Sampling,
    decided: StudioSettings,
    chooser: Chooser | None,
    gone: Gone,
) -> Generation | None:
    """Choose again the cards of a screen that nobody judged yet; returns the same screen if the choice is the same.

    None if it was deleted meanwhile. A screen that several people are to see alike, or that another version wrote
    or took part in, stays as it is, and so do answers of a chat model. If its sampled pool was not kept, candidates are
    sampled anew.
    """
    shared = (waiting.prompt.overlap or decided.overlap) > 1
    written = {candidate.version_number for candidate in waiting.candidates}
    if chooser is None or isinstance(generator, ChatGenerator):
        return waiting
    if waiting.head_id == chooser.id or shared or written != {generator.version}:
        return waiting
    screen_id, text, texts = waiting.id, waiting.prompt.text, {candidate.text for candidate in waiting.candidates}
    kept = session.scalar(select(DrawnPool.data).where(DrawnPool.generation_id == screen_id))
    options = _kept_pool(screen_id, kept)
    drawn = _as_drawn(waiting, options)
    session.commit()
    if options:
        screen = generator.choose_again(text, drawn, chooser.head, decided.cards)
    else:
        screen = generator.generate(text, sampling, decided.cards, chooser.head, gone)
    if {candidate.text for candidate in screen.candidates} == texts:
        return waiting
    with write_transaction(session):
        held = _held(session, screen_id)
        if held is None:
            return None
        if held.superseded_by is not None:
            return session.get_one(Generation, held.superseded_by)
        found = store_drawn(session, held.prompt, held.user_id, Drawn.of_one(screen, generator.version, chooser))
        held.superseded_by = found.id
        session.execute(delete(DrawnPool).where(DrawnPool.generation_id == screen_id))
        return found


def _kept_pool(screen_id: int, kept: bytes | None) -> tuple[pool.Option, ...]:
    """Read the pool that a screen was chosen from; empty if none was kept or it cannot be read."""
    try:
        return pool.unpack(kept) if kept else ()
    except ModelError as error:
        log.warning("Screen %d is drawn anew: %s", screen_id, error)
        return ()


def _as_drawn(waiting: Generation, options: tuple[pool.Option, ...]) -> Screen:
    """Return a stored screen with its pool and without cards, for choosing the cards again."""
    return Screen((), False, waiting.sampling, waiting.seed, waiting.milliseconds, options)


def _first_screen(session: Session, prompt_id: int) -> Generation | None:
    """Return the first screen of a prompt that a version wrote (no attention check, not imported), or None."""
    foreign = exists(
        select(Candidate.id).where(Candidate.generation_id == Generation.id, Candidate.version_number.is_(None))
    )
    drawn = exists(select(Candidate.id).where(Candidate.generation_id == Generation.id))
    return session.scalar(
        select(Generation)
        .where(Generation.prompt_id == prompt_id, ~Generation.gold, drawn, ~foreign)
        .order_by(Generation.id)
        .limit(1)
    )
