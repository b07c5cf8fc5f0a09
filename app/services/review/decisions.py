"""Deciding reviews, taking decisions back, and sending screens back to the queue for one more opinion.

A decision is a judgment of the reviewer on a copy of the screen, so that what they said of it as an annotator stays
beside it (docs/decisions/0067-a-decision-is-a-judgment.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt, Review, ReviewState, now, write_transaction
from app.domain_errors import Conflict, Invalid, NotFound
from app.services.desk import judgments, storing
from app.services.prompts import queue_progress, reservations, retirement, studio_settings
from app.services.review import counting
from app.services.review.decision_request import DecisionRequest
from app.services.system import audit
from app.words import gettext


def decide(session: Session, by: int, review_id: int, said: DecisionRequest) -> int:
    """Store what a reviewer decides, and return the id of its judgment.

    The prompt leaves the queue, unless another of its reviews waits for one more opinion.
    Deciding the same twice is one decision. Raises NotFound, Invalid, and Conflict if somebody decided otherwise.
    """
    with write_transaction(session):
        review = _locked(session, review_id)
        if review.decision_id is not None:
            return _same_or_conflict(session, by, review, said)
        screen = session.get_one(Generation, review.generation_id)
        own = storing.store_for_review(session, screen, by)
        number = judgments.decide(session, by, _on(own, screen, said).judgment(own.id), said.reason)
        prompt, waiting = _prompt(session, review), _waiting_beside(session, review)
        if review.waits_for is not None:
            _wait_no_more(review, prompt, waiting)
        if prompt.queued and prompt.gold_answer is None and not waiting:
            prompt.queued, prompt.retired_at = False, now()
        _counted(session, review)
        _record(session, by, "review.decided", review, judgment=number, verdict=str(said.verdict))
    return number


def undo(session: Session, by: int, review_id: int) -> None:
    """Take a decision back, whoever made it: what it decided counts again. Raises NotFound; doing it twice is once."""
    with write_transaction(session):
        review = _locked(session, review_id)
        if review.decision_id is None:
            return
        decision = session.get_one(Judgment, review.decision_id)
        decision.undone_at = now()
        _counted(session, review)
        retirement.bring_back(session, studio_settings.settings(session), Prompt.id == review.prompt_id)
        _record(session, by, "review.undone", review, judgment=decision.id)


def send_back(session: Session, by: int, review_id: int) -> None:
    """Put the prompt into the queue for one more opinion; the review comes back with it.

    Raises NotFound, and Conflict if it is decided or nobody would be served it. Doing it twice asks for one opinion.
    """
    with write_transaction(session):
        review = _locked(session, review_id)
        if review.decision_id is not None:
            raise Conflict(gettext("This is decided already: take the decision back first."))
        if review.waits_for is not None:
            return
        prompt = _prompt(session, review)
        if prompt.gold_answer is not None:
            raise Conflict(gettext("This prompt is an attention check now: nobody is asked for an opinion of it."))
        people, skips = reservations.counts_of(session, [prompt.id]).get(prompt.id, (0, 0))
        if skips >= studio_settings.settings(session).most_skips:
            raise Conflict(
                gettext("Too many people skipped or flagged this: nobody else is asked. Decide it yourself.")
            )
        before = [one.overlap_before for one in _waiting_beside(session, review)]
        review.waits_for, review.overlap_before = people + 1, before[0] if before else prompt.overlap
        prompt.overlap, prompt.queued, prompt.retired_at = people + 1, True, None
        _counted(session, review)
        _record(session, by, "review.sent_back", review)
        queue_progress.mark(session)


def call_back(session: Session, by: int, review_id: int) -> None:
    """Take back that one more opinion was asked for. Raises NotFound; doing it twice is once."""
    with write_transaction(session):
        review = _locked(session, review_id)
        if review.waits_for is None:
            return
        prompt, waiting = _prompt(session, review), _waiting_beside(session, review)
        _wait_no_more(review, prompt, waiting)
        _counted(session, review)
        if not waiting:
            prompt.queued, prompt.retired_at = False, now()
            session.flush()
            retirement.bring_back(session, studio_settings.settings(session), Prompt.id == prompt.id)
        _record(session, by, "review.called_back", review)
        queue_progress.mark(session)


def _locked(session: Session, review_id: int) -> Review:
    """Return a review that can be shown, its prompt and then itself locked until the running transaction ends."""
    review = session.get(Review, review_id)
    if review is not None:
        _prompt(session, review)
        review = session.get(Review, review_id, with_for_update=True, populate_existing=True)
    if review is None or review.generation_id is None or review.state == ReviewState.STALE:
        raise NotFound(gettext("There is no review %(id)s.", id=review_id))
    return review


def _prompt(session: Session, review: Review) -> Prompt:
    return session.get_one(Prompt, review.prompt_id, with_for_update=True)


def _waiting_beside(session: Session, review: Review) -> Sequence[Review]:
    """Return the other reviews of the same prompt that wait for one more opinion."""
    others = select(Review).where(Review.prompt_id == review.prompt_id, Review.id != review.id)
    return session.scalars(others.where(Review.waits_for.is_not(None)).execution_options(populate_existing=True)).all()


def _wait_no_more(review: Review, prompt: Prompt, waiting: Sequence[Review]) -> None:
    """Let a review wait no more: its prompt has its own overlap again, or what others that wait ask for."""
    prompt.overlap = max((one.waits_for or 0 for one in waiting), default=review.overlap_before)
    review.waits_for = review.overlap_before = None


def _on(own: Generation, screen: Generation, said: DecisionRequest) -> DecisionRequest:
    """Return a decision with the candidates of the reviewer's own copy; raises Invalid for one of another screen."""
    copies = {shown.id: copy.id for shown, copy in zip(screen.candidates, own.candidates, strict=True)}
    named = [*(said.tied or ()), *([] if said.candidate_id is None else [said.candidate_id])]
    for number in named:
        if number not in copies:
            raise Invalid(gettext("Candidate %(id)s is not on this screen.", id=number))
    candidate_id = None if said.candidate_id is None else copies[said.candidate_id]
    tied = None if said.tied is None else tuple(copies[number] for number in said.tied)
    return structs.replace(said, candidate_id=candidate_id, tied=tied)


def _same_or_conflict(session: Session, by: int, review: Review, said: DecisionRequest) -> int:
    """Return the id of the decision that stands if the same person said the same; raises Conflict."""
    decision = session.get_one(Judgment, review.decision_id)
    screen = session.get_one(Generation, review.generation_id)
    places = {card.id: card.position for card in (*screen.candidates, *decision.generation.candidates)}
    stands = (decision.user_id, decision.verdict, decision.edited_text, decision.reason)
    same_cards = _named(places, decision) == _named(places, said)
    if stands == (by, said.verdict, said.edited_text, said.reason) and same_cards:
        return decision.id
    sentence = gettext("This was decided already: take that decision back first.")
    raise Conflict(sentence, judgment_id=decision.id)


def _named(places: Mapping[int, int], said: Judgment | DecisionRequest) -> set[int | None]:
    """Return the places of the cards that are said to be best; none of a tie of all, which is stored without a name."""
    found = {places.get(number) for number in (said.candidate_id, *(said.tied or ())) if number is not None}
    return found if len(found) < len(set(places.values())) else set()


def _counted(session: Session, review: Review) -> None:
    session.flush()
    counting.count(session, [review.prompt_id])


def _record(session: Session, by: int, action: str, review: Review, **details: Any) -> None:
    audit.record(session, by, action, f"review {review.id}", prompt=review.prompt_id, **details)
