"""Verdicts: one transaction writes the judgment and the preference rows that it yields.

A click is what the studio does most, so it is stored without a detour: a screen never changes, hence it is read before
the transaction, and what is written goes to the tables directly. Clicks that come at the same moment share a commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.db import (
    Candidate,
    Generation,
    Judgment,
    Prebuilt,
    PrebuiltInsert,
    Preference,
    Prompt,
    Verdict,
    now,
    write_transaction,
    write_with_others,
)
from app.errors import Conflict, DomainError, Invalid, NotFound
from app.services.desk.gestures import LONGEST_REASON, Gesture
from app.services.prompts import policy, retirement
from app.services.system import webhooks

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


class _Standing(NamedTuple):
    """What a judgment that counts says."""

    id: int
    verdict: str
    candidate_id: int | None
    tied: list[int] | None
    edited_text: str | None
    reason: str | None
    flagged: bool


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
    screen = _own(_SCREEN.read(session, {"screen": gesture.generation_id}), user_id, gesture.generation_id)
    yielded = _Yield.of(screen, gesture)
    if session.in_transaction():
        session.commit()  # its connection is free while others are waited for

    def write(connection: Connection) -> int | DomainError:
        # Nearly every click is new, so it is written, and what was there before it is looked at only if that cannot be.
        number = _add(connection, user_id, gesture, yielded)
        return number if number is not None else _known(connection, user_id, screen, gesture)

    stored = write_with_others(session, write)
    if isinstance(stored, DomainError):
        raise stored
    return stored


def judge_again(session: Session, user_id: int, gesture: Gesture) -> int:
    """Store a verdict in the place of the one that stands on the same screen, if one does, in one transaction.

    The older one stays as an undone judgment. Saying the same as what stands changes nothing. Raises as `judge` does.
    """
    with write_transaction(session):
        connection = session.connection()
        screen = _own(_SCREEN.rows(connection, {"screen": gesture.generation_id}), user_id, gesture.generation_id)
        yielded = _Yield.of(screen, gesture)
        standing = _standing(connection, user_id, screen)
        if standing is not None:
            if _says(standing, yielded.tied, gesture):
                return int(standing.id)
            undone = update(_judgments).where(_judgments.c.id == standing.id).values(undone_at=now())
            connection.execute(undone)
            session.expire_all()
        number = _add(connection, user_id, gesture, yielded)
        if number is None:
            raise _meanwhile()
        _bring_back(session, screen.id)
        return number


def undo(session: Session, user_id: int, judgment_id: int) -> None:
    """Mark a person's own judgment as undone; its rows no longer count, and the screen can be judged again."""
    with write_transaction(session):
        judgment = session.get(Judgment, judgment_id)
        if judgment is None or judgment.user_id != user_id:
            raise NotFound(f"There is no judgment {judgment_id} of yours.")
        if judgment.undone_at is None:
            judgment.undone_at = now()
            session.flush()
            _bring_back(session, judgment.generation_id)


def _bring_back(session: Session, generation_id: int) -> None:
    """Put the prompt of a screen back into the queue if it left it as done and is not done any more."""
    prompt_id = select(Generation.prompt_id).where(Generation.id == generation_id).scalar_subquery()
    retirement.bring_back(session, policy.settings(session), Prompt.id == prompt_id)


_SCREEN = Prebuilt(
    select(Generation.user_id, Generation.gold, Prompt.text, Candidate.id, Candidate.text)
    .select_from(Generation.__table__)
    .join(Prompt.__table__, Prompt.id == Generation.prompt_id)
    .outerjoin(Candidate.__table__, Candidate.generation_id == Generation.id)
    .where(Generation.id == bindparam("screen"))
    .order_by(Candidate.position)
)
_SENT = Prebuilt(
    select(_judgments.c.id, _judgments.c.user_id, _judgments.c.generation_id).where(
        _judgments.c.client_key == bindparam("key")
    )
)
_STANDING = Prebuilt(
    select(*(_judgments.c[name] for name in _Standing._fields)).where(
        _judgments.c.generation_id == bindparam("screen"),
        _judgments.c.user_id == bindparam("person"),
        _judgments.c.undone_at.is_(None),
    )
)
_NOT_SENT = frozenset({"id", "undone_at", "edited_features"})
_ADD_JUDGMENT = PrebuiltInsert(_judgments, (c.name for c in _judgments.c if c.name not in _NOT_SENT))
_ADD_PREFERENCES = Prebuilt(insert(_preferences), (c.name for c in _preferences.c if c.name != "id"))


def _own(rows: Sequence[Sequence[Any]], user_id: int, generation_id: int) -> _Screen:
    """A person's own screen of what was found of it; raises NotFound for anyone else's."""
    if not rows or rows[0][0] != user_id:
        raise NotFound(f"There is no generation {generation_id} of yours.")
    _, gold, prompt, *_ = rows[0]
    candidates = tuple((number, text) for *_, number, text in rows if number is not None)
    return _Screen(generation_id, gold, prompt, candidates)


def _add(connection: Connection, user_id: int, gesture: Gesture, yielded: _Yield) -> int | None:
    """Write the judgment, its rows and its announcement in the running transaction; returns its id.

    If another judgment has its client_key or stands on its screen, nothing is written and None is returned.
    """
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
    number = _ADD_JUDGMENT.add(connection, values)
    if number is None:
        return None
    if yielded.pairs:
        pair = {"judgment_id": number, "prompt": yielded.prompt, "weight": yielded.weight}
        rows = [{**pair, "chosen": chosen, "rejected": rejected} for chosen, rejected in yielded.pairs]
        _ADD_PREFERENCES.run(connection, rows)
    announcement = {
        "id": number,
        "generation_id": gesture.generation_id,
        "user_id": user_id,
        "verdict": str(gesture.verdict),
        "preferences": len(yielded.pairs),
    }
    webhooks.record(connection, webhooks.JUDGMENT_CREATED, announcement)
    return number


def _known(connection: Connection, user_id: int, screen: _Screen, gesture: Gesture) -> int | DomainError:
    """The judgment in whose way this gesture is: by its client_key, or the same verdict on the same screen.

    A refusal is returned and not raised: it must not undo what others write in the same transaction.
    """
    if gesture.client_key is not None:
        sent = _SENT.rows(connection, {"key": gesture.client_key})
        if sent:
            number, *whose = sent[0]
            if whose != [user_id, screen.id]:
                return Conflict("That client_key belongs to another judgment.")
            return int(number)
    standing = _standing(connection, user_id, screen)
    if standing is None:
        return _meanwhile()
    if _says(standing, _tied_of(screen, gesture), gesture):
        return standing.id
    return Conflict("This screen has another verdict already: undo that one first.", judgment_id=standing.id)


def _meanwhile() -> Conflict:
    return Conflict("This screen was judged elsewhere at the same moment: look at it and try again.")


def _standing(connection: Connection, user_id: int, screen: _Screen) -> _Standing | None:
    """A person's verdict that counts on that screen; there is at most one."""
    rows = _STANDING.rows(connection, {"screen": screen.id, "person": user_id})
    return _Standing(*rows[0]) if rows else None


def _says(standing: _Standing, tied: list[int], gesture: Gesture) -> bool:
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
