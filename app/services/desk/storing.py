"""Storing screens with all that it takes to draw them again, their cards in a random order.

Answers of a chat model keep the order in which they were told while they were written: draws of one model for one
conversation are exchangeable, so a random order would say nothing more.

`version` in a screen's sampling is what is shown as its version where its candidates cannot say, or must not: on
attention checks, and where two versions wrote them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Candidate, DrawnPool, Generation, Prompt, User
from app.domain_errors import NotSignedIn
from app.services.desk.drawing import Drawn
from app.services.prompts import attention_checks
from app.words import gettext
from models.reward.features import pack
from models.serving import pool
from models.serving.generator import CANDIDATES

_shuffler = random.SystemRandom()


def store_drawn(session: Session, prompt: Prompt, user_id: int, drawn: Drawn) -> Generation:
    """Store what was drawn for a person, within the running transaction; raises NotSignedIn."""
    screen, chooser = drawn.screen, drawn.chooser
    candidates = [
        Candidate(
            text=one.text,
            log_probability=one.log_probability,
            version_number=version,
            features=pack(one.features) if len(one.features) else None,
            probability=one.probability,
        )
        for one, version in zip(screen.candidates, drawn.versions, strict=True)
    ]
    generation = Generation(
        prompt=prompt,
        user_id=user_id,
        sampling=screen.sampling if drawn.comparison_id is None else {**screen.sampling, "version": drawn.serving},
        seed=screen.seed,
        milliseconds=screen.milliseconds,
        head_id=chooser.id if chooser else None,
        comparison_id=drawn.comparison_id,
    )
    store(session, generation, candidates, shuffled=not screen.is_told)
    if screen.pool:
        session.add(DrawnPool(generation_id=generation.id, data=pool.pack(screen.pool)))
    return generation


def store_copy(session: Session, first: Generation, user_id: int) -> Generation:
    """Store a screen with the cards of another person's, within the running transaction; raises NotSignedIn.

    It belongs to no live comparison: who wrote which card was drawn once for both.
    """
    return store(session, _copy(first, user_id), _copies(first))


def store_for_review(session: Session, shown: Generation, user_id: int) -> Generation:
    """Store a copy of a screen, with its cards in their order, for a reviewer who sees it; raises NotSignedIn."""
    _check_active(session, user_id)
    generation = _copy(shown, user_id)
    generation.candidates = _copies(shown)
    for card, copy in zip(shown.candidates, generation.candidates, strict=True):
        copy.position = card.position
    session.add(generation)
    session.flush()
    return generation


def _copy(first: Generation, user_id: int) -> Generation:
    return Generation(
        prompt_id=first.prompt_id,
        user_id=user_id,
        sampling={name: value for name, value in first.sampling.items() if name != "ended"} | {"copy_of": first.id},
        seed=first.seed,
        milliseconds=0.0,
        head_id=first.head_id,
    )


def _copies(first: Generation) -> list[Candidate]:
    return [
        Candidate(
            text=one.text,
            log_probability=one.log_probability,
            version_number=one.version_number,
            features=one.features,
            probability=one.probability,
        )
        for one in first.candidates
    ]


def store_check(
    session: Session,
    prompt: Prompt,
    user_id: int,
    version: int,
    cards: int = CANDIDATES,
    system: str | None = None,
) -> Generation:
    """Store an attention check of so many cards for a person, within the running transaction; raises NotSignedIn.

    `system` is the message that the model would be given now; None if it rewrites.
    """
    candidates = [
        Candidate(text=text, log_probability=0.0, right=text == prompt.gold_answer)
        for text in attention_checks.texts(session, prompt, cards)
    ]
    # The version is what an ordinary screen would show: nobody is to tell the two apart.
    sampling = {"version": version} if system is None else {"version": version, "system": system}
    generation = Generation(prompt=prompt, user_id=user_id, sampling=sampling, seed=0, milliseconds=0.0, gold=True)
    return store(session, generation, candidates)


def store(
    session: Session, generation: Generation, candidates: Sequence[Candidate], *, shuffled: bool = True
) -> Generation:
    """Add a screen with its candidates, in a random order unless they are not `shuffled`, to the running transaction.

    Raises NotSignedIn if the person was deactivated or deleted while it was drawn.
    """
    _check_active(session, generation.user_id)
    session.add(arranged(generation, candidates, shuffled=shuffled))
    session.flush()
    return generation


def _check_active(session: Session, user_id: int) -> None:
    active = select(User.id).where(User.id == user_id, User.active)
    if session.scalar(active.with_for_update(read=True)) is None:
        raise NotSignedIn(gettext("This account may no longer sign in."))


def arranged(generation: Generation, candidates: Sequence[Candidate], *, shuffled: bool = True) -> Generation:
    """Return the screen with those candidates on it, in a random order unless they are not `shuffled`."""
    shown = list(candidates)
    if shuffled:
        _shuffler.shuffle(shown)
    for position, candidate in enumerate(shown):
        candidate.position = position
    generation.candidates = shown
    return generation
