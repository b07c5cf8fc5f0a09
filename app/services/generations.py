"""Screens: draw candidates for a text, shuffle them, and keep everything about them."""

from __future__ import annotations

import random
from collections.abc import Collection

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, selectinload

from app.db import Candidate, Generation, Judgment, Prompt, write_transaction
from app.errors import NotFound
from app.services import prompts
from models.generator import Generator, Sampling, Screen

_shuffler = random.SystemRandom()


def generate(
    session: Session, generator: Generator, user_id: int, text: str, sampling: Sampling, *, source: str = "typed"
) -> tuple[Generation, bool]:
    """Draw and store one screen for `text`; returns it and whether the model ran out of different rewrites.

    Raises InputTooLong. Nothing is stored unless all of it is; no transaction is open while the model works.
    """
    session.commit()
    screen = generator.generate(text, sampling)
    with write_transaction(session):
        prompt = prompts.find_or_add(session, text, source)
        generation = _store(session, prompt, user_id, generator.version, screen)
    return generation, screen.exhausted


def next_screen(
    session: Session, generator: Generator, user_id: int, sampling: Sampling, shown: Collection[int]
) -> tuple[Generation, bool] | None:
    """The next screen of the queue for a person, or None when the queue holds nothing for them.

    A screen that was made for them and never judged comes again, unless its id is among `shown`.
    """
    judged = exists(select(Judgment.id).where(Judgment.generation_id == Generation.id, Judgment.undone_at.is_(None)))
    waiting = (
        select(Generation)
        .join(Prompt)
        .where(Generation.user_id == user_id, Prompt.queued, ~judged, Generation.id.not_in(shown))
        .order_by(Generation.id)
        .options(selectinload(Generation.candidates), selectinload(Generation.prompt))
    )
    left_over = session.scalar(waiting.limit(1))
    if left_over is not None:
        return left_over, False
    prompt = prompts.next_queued(session, user_id)
    return None if prompt is None else generate(session, generator, user_id, prompt.text, sampling)


def own(session: Session, user_id: int, generation_id: int) -> Generation:
    """A person's own screen; raises NotFound for anyone else's."""
    generation = session.get(Generation, generation_id)
    if generation is None or generation.user_id != user_id:
        raise NotFound(f"There is no generation {generation_id} of yours.")
    return generation


def _store(session: Session, prompt: Prompt, user_id: int, version: int, screen: Screen) -> Generation:
    candidates = [
        Candidate(text=drawn.text, log_probability=drawn.log_probability, version_number=version)
        for drawn in screen.candidates
    ]
    _shuffler.shuffle(candidates)
    for position, candidate in enumerate(candidates):
        candidate.position = position
    generation = Generation(
        prompt=prompt,
        user_id=user_id,
        sampling=screen.sampling,
        seed=screen.seed,
        milliseconds=screen.milliseconds,
        candidates=candidates,
    )
    session.add(generation)
    session.flush()
    return generation
