"""Verdicts: one transaction writes the judgment and the preference rows that it yields.

A click is what the studio does most, so it is stored without a detour: a screen never changes, hence it is read before
the transaction, and what is written goes to the tables directly. Clicks that come at the same moment share a commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import (
    Candidate,
    Generation,
    Judgment,
    Preference,
    Prompt,
    Verdict,
    now,
    write_transaction,
    write_with_others,
)
from app.errors import Conflict, DomainError, Invalid, NotFound
from app.services import webhooks
from app.services.gestures import LONGEST_REASON, Gesture

__all__ = ["LONGEST_REASON", "Gesture", "judge", "judge_again", "undo"]

_judgments: Table = Judgment.__table__  # type: ignore[assignment]
_preferences: Table = Preference.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class _Screen:
    """A screen as its person saw it: a text, and (id, text) of each rewrite in the order shown."""

    id: int
    gold: bool
    prompt: str
    candidates: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class _Yield:
    """What a gesture comes to on its screen: the tied candidates in the order shown, and (chosen, rejected) texts."""

    tied: list[int]
    prompt: str
    pairs: list[tuple[str, str]]
    weight: float

    @classmethod
    def of(cls, screen: _Screen, gesture: Gesture) -> Self:
        """The rows that a verdict yields.

        A choice or an edited text yields one row a rejected candidate. In a tie of some, each tied text is preferred to
        each of the others, and the rows of one rejected text weigh one together, which training does not read yet.
        A tie of all, "none is good" and a skip choose nothing; an attention check tells of the person and teaches the
        model nothing. Raises Invalid for what is not on the screen.
        """
        tied = _tied_of(screen, gesture)
        texts = [text for _, text in screen.candidates]
        if gesture.candidate_id is not None and gesture.candidate_id not in {number for number, _ in screen.candidates}:
            raise Invalid(f"Candidate {gesture.candidate_id} is not on this screen.")
        if gesture.edited_text in texts:
            raise Invalid("The edited text is one of the rewrites as it stands: choose that one instead.")
        if gesture.verdict == Verdict.EDITED and gesture.edited_text is not None:
            chosen, rejected = [gesture.edited_text], texts
        else:
            best = {gesture.candidate_id} if gesture.verdict == Verdict.CHOSEN else set(tied)
            chosen = [text for number, text in screen.candidates if number in best]
            rejected = [text for number, text in screen.candidates if number not in best]
        if screen.gold or not chosen:
            return cls(tied, screen.prompt, [], 1.0)
        pairs = [(good, bad) for bad in rejected for good in chosen]
        return cls(tied, screen.prompt, pairs, 1 / len(chosen))


def judge(session: Session, user_id: int, gesture: Gesture) -> int:
    """Store a verdict and its preference rows, and return its id; saying the same twice yields the first one again.

    Raises NotFound for a screen that is not this person's, Invalid for a candidate that is not on it, and Conflict if
    another verdict stands or the client_key belongs to another gesture.
    """
    screen = _own(session.connection(), user_id, gesture.generation_id)
    yielded = _Yield.of(screen, gesture)
    session.commit()  # its connection is free while others are waited for

    def write(connection: Connection) -> int | DomainError:
        known = _known(connection, user_id, screen, gesture)
        return known if known is not None else _add(connection, user_id, gesture, yielded)

    try:
        stored = write_with_others(session, write)
    except IntegrityError:
        # Two submits at the same moment: the database let one in, and this is the other.
        winner = _known(session.connection(), user_id, screen, gesture)
        if winner is None:
            raise
        stored = winner
    if isinstance(stored, DomainError):
        raise stored
    return stored


def judge_again(session: Session, user_id: int, gesture: Gesture) -> int:
    """Store a verdict in the place of the one that stands on the same screen, if one does, in one transaction.

    The older one stays as an undone judgment. Saying the same as what stands changes nothing. Raises as `judge` does.
    """
    try:
        with write_transaction(session):
            connection = session.connection()
            screen = _own(connection, user_id, gesture.generation_id)
            yielded = _Yield.of(screen, gesture)
            standing = connection.execute(_STANDING, {"screen": screen.id, "person": user_id}).one_or_none()
            if standing is not None:
                if _says(standing, yielded.tied, gesture):
                    return int(standing.id)
                undone = update(_judgments).where(_judgments.c.id == standing.id).values(undone_at=now())
                connection.execute(undone)
                session.expire_all()
            return _add(connection, user_id, gesture, yielded)
    except IntegrityError:
        raise Conflict("This screen was judged elsewhere at the same moment: look at it and try again.") from None


def undo(session: Session, user_id: int, judgment_id: int) -> None:
    """Mark a person's own judgment as undone; its rows no longer count, and the screen can be judged again."""
    with write_transaction(session):
        judgment = session.get(Judgment, judgment_id)
        if judgment is None or judgment.user_id != user_id:
            raise NotFound(f"There is no judgment {judgment_id} of yours.")
        if judgment.undone_at is None:
            judgment.undone_at = now()


_SCREEN = (
    select(Generation.user_id, Generation.gold, Prompt.text, Candidate.id, Candidate.text)
    .select_from(Generation.__table__)
    .join(Prompt.__table__, Prompt.id == Generation.prompt_id)
    .outerjoin(Candidate.__table__, Candidate.generation_id == Generation.id)
    .where(Generation.id == bindparam("screen"))
    .order_by(Candidate.position)
)
_SAID = (
    _judgments.c.id,
    _judgments.c.verdict,
    _judgments.c.candidate_id,
    _judgments.c.tied,
    _judgments.c.edited_text,
    _judgments.c.reason,
    _judgments.c.flagged,
)
_SENT = select(_judgments.c.id, _judgments.c.user_id, _judgments.c.generation_id).where(
    _judgments.c.client_key == bindparam("key")
)
_STANDING = select(*_SAID).where(
    _judgments.c.generation_id == bindparam("screen"),
    _judgments.c.user_id == bindparam("person"),
    _judgments.c.undone_at.is_(None),
)
_ADD_JUDGMENT = insert(_judgments)
_ADD_PREFERENCES = insert(_preferences)


def _own(connection: Connection, user_id: int, generation_id: int) -> _Screen:
    """A person's own screen; raises NotFound for anyone else's."""
    rows = connection.execute(_SCREEN, {"screen": generation_id}).all()
    if not rows or rows[0][0] != user_id:
        raise NotFound(f"There is no generation {generation_id} of yours.")
    _, gold, prompt, *_ = rows[0]
    candidates = tuple((number, text) for *_, number, text in rows if number is not None)
    return _Screen(generation_id, gold, prompt, candidates)


def _add(connection: Connection, user_id: int, gesture: Gesture, yielded: _Yield) -> int:
    """Write the judgment, its rows and its announcement in the running transaction; returns its id."""
    values = {
        "generation_id": gesture.generation_id,
        "user_id": user_id,
        "verdict": str(gesture.verdict),
        "candidate_id": gesture.candidate_id,
        "tied": yielded.tied or None,
        "edited_text": gesture.edited_text,
        "reason": gesture.reason,
        "flagged": gesture.flagged,
        "client_key": gesture.client_key,
        "seconds": gesture.seconds,
        "created_at": now(),
    }
    key = connection.execute(_ADD_JUDGMENT, values).inserted_primary_key
    assert key is not None
    number = int(key[0])
    if yielded.pairs:
        pair = {"judgment_id": number, "prompt": yielded.prompt, "weight": yielded.weight}
        rows = [{**pair, "chosen": chosen, "rejected": rejected} for chosen, rejected in yielded.pairs]
        connection.execute(_ADD_PREFERENCES, rows)
    announcement = {
        "id": number,
        "generation_id": gesture.generation_id,
        "user_id": user_id,
        "verdict": str(gesture.verdict),
        "preferences": len(yielded.pairs),
    }
    webhooks.record(connection, webhooks.JUDGMENT_CREATED, announcement)
    return number


def _known(connection: Connection, user_id: int, screen: _Screen, gesture: Gesture) -> int | DomainError | None:
    """The judgment that this gesture has become already: by its client_key, or the same verdict on the same screen.

    A refusal is returned and not raised: it must not undo what others write in the same transaction.
    """
    if gesture.client_key is not None:
        sent = connection.execute(_SENT, {"key": gesture.client_key}).one_or_none()
        if sent is not None:
            if (sent.user_id, sent.generation_id) != (user_id, screen.id):
                return Conflict("That client_key belongs to another judgment.")
            return int(sent.id)
    standing = connection.execute(_STANDING, {"screen": screen.id, "person": user_id}).one_or_none()
    if standing is None or _says(standing, _tied_of(screen, gesture), gesture):
        return None if standing is None else int(standing.id)
    return Conflict("This screen has another verdict already: undo that one first.", judgment_id=standing.id)


def _says(standing: Any, tied: list[int], gesture: Gesture) -> bool:
    """Whether a judgment that stands says just what the gesture says."""
    said = (standing.verdict, standing.candidate_id, standing.tied or [], standing.edited_text)
    says = (gesture.verdict, gesture.candidate_id, tied, gesture.edited_text)
    return said == says and (standing.reason, standing.flagged) == (gesture.reason, gesture.flagged)


def _tied_of(screen: _Screen, gesture: Gesture) -> list[int]:
    """The tied candidates in the order shown; empty in a tie of all, and in every other verdict."""
    shown = [number for number, _ in screen.candidates]
    strange = set(gesture.tied) - set(shown)
    if strange:
        raise Invalid(f"Candidate {min(strange)} is not on this screen.")
    return [] if len(gesture.tied) == len(shown) else [number for number in shown if number in gesture.tied]
