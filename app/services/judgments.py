"""Verdicts: one transaction writes the judgment and the preference rows that it yields."""

from __future__ import annotations

import contextlib
import math
import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Preference, Verdict, now, write_transaction
from app.errors import Conflict, Invalid, NotFound
from app.services import generations, prompts, webhooks

LONGEST_REASON = 1_000
"""Characters of a reason for skipping or flagging."""

_LONGEST_SECONDS = 86_400.0
_FIELDS = frozenset(
    {
        "generation_id",
        "verdict",
        "candidate_id",
        "edited_text",
        "seconds",
        "tied",
        "reason",
        "flagged",
        "client_key",
    }
)


@dataclass(frozen=True)
class Gesture:
    """What an annotator did on one screen; `seconds` is how long they looked.

    `tied` are the candidates of a tie that are equally good, none named meaning all of them. A `flagged` screen is a
    skipped one that an admin should look at; `reason` says why it was skipped or flagged. `client_key` is the sender's
    own name for this gesture: a second sending of it is the same judgment, even if that was undone since.
    """

    generation_id: int
    verdict: Verdict
    candidate_id: int | None = None
    edited_text: str | None = None
    seconds: float | None = None
    tied: tuple[int, ...] = ()
    reason: str | None = None
    flagged: bool = False
    client_key: str | None = None

    @classmethod
    def parse(cls, body: dict[str, object], longest_text: int) -> Gesture:
        """A gesture from a JSON object; raises Invalid with a sentence about the first field that is wrong."""
        unknown = set(body) - _FIELDS
        if unknown:
            raise Invalid(f"There is no field {min(unknown)!r} in a judgment.")
        try:
            verdict = Verdict(str(body.get("verdict")))
        except ValueError:
            raise Invalid(f"verdict must be one of {', '.join(Verdict)}.") from None
        generation_id = _whole_number(body.get("generation_id"), "generation_id")
        candidate = body.get("candidate_id")
        candidate_id = None if candidate is None else _whole_number(candidate, "candidate_id")
        edited = body.get("edited_text")
        edited_text = None if edited is None else prompts.check_text(edited, longest_text)
        if verdict == Verdict.CHOSEN and candidate_id is None:
            raise Invalid("A chosen verdict needs the candidate_id of the chosen one.")
        if verdict not in (Verdict.CHOSEN, Verdict.EDITED) and candidate_id is not None:
            raise Invalid(f"A verdict of {verdict} has no candidate_id.")
        if (verdict == Verdict.EDITED) != (edited_text is not None):
            raise Invalid("edited_text belongs to a verdict of edited, and only to that.")
        tied, reason, flagged = _tied(body.get("tied")), _reason(body.get("reason")), body.get("flagged", False)
        if tied and verdict != Verdict.TIE:
            raise Invalid("tied belongs to a verdict of tie, and only to that.")
        if not isinstance(flagged, bool):
            raise Invalid("flagged must be true or false.")
        if (flagged or reason) and verdict != Verdict.SKIPPED:
            raise Invalid("reason and flagged belong to a verdict of skipped, and only to that.")
        return cls(
            generation_id,
            verdict,
            candidate_id,
            edited_text,
            _duration(body.get("seconds")),
            tied,
            reason,
            flagged,
            _client_key(body.get("client_key")),
        )


def judge(session: Session, user_id: int, gesture: Gesture) -> Judgment:
    """Store a verdict and its preference rows; saying the same twice yields the first judgment again.

    Raises NotFound for a screen that is not this person's, Invalid for a candidate that is not on it, and Conflict if
    another verdict stands or the client_key belongs to another gesture.
    """
    try:
        with write_transaction(session):
            generation = generations.own(session, user_id, gesture.generation_id)
            known = _known(session, user_id, gesture)
            if known is not None:
                return known
            return _add(session, user_id, generation, gesture)
    except IntegrityError:
        # Two submits at the same moment: the database let one in, and this is the other.
        winner = _known(session, user_id, gesture)
        if winner is None:
            raise
        return winner


def judge_again(session: Session, user_id: int, gesture: Gesture) -> Judgment:
    """Store a verdict in the place of the one that stands on the same screen, if one does, in one transaction.

    The older one stays as an undone judgment. Saying the same as what stands changes nothing. Raises as `judge` does.
    """
    try:
        with write_transaction(session):
            generation = generations.own(session, user_id, gesture.generation_id)
            standing = _standing(session, user_id, gesture.generation_id)
            if standing is not None:
                with contextlib.suppress(Conflict):
                    return _same(standing, gesture)
                standing.undone_at = now()
                session.flush()  # the database allows but one that stands
            return _add(session, user_id, generation, gesture)
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


def _add(session: Session, user_id: int, generation: Generation, gesture: Gesture) -> Judgment:
    tied = _tied_of(generation, gesture)
    judgment = Judgment(
        generation=generation,
        user_id=user_id,
        verdict=gesture.verdict,
        candidate_id=gesture.candidate_id,
        tied=tied or None,
        edited_text=gesture.edited_text,
        reason=gesture.reason,
        flagged=gesture.flagged,
        client_key=gesture.client_key,
        seconds=gesture.seconds,
        preferences=_preferences(generation, gesture, tied),
    )
    session.add(judgment)
    session.flush()
    webhooks.record(session, webhooks.JUDGMENT_CREATED, _announcement(judgment))
    return judgment


def _preferences(generation: Generation, gesture: Gesture, tied: list[int]) -> list[Preference]:
    """The rows that a verdict yields, each (chosen, rejected) a pair of texts.

    A choice or an edited text yields one row a rejected candidate. In a tie of some, each tied text is preferred to
    each of the others, and the rows of one rejected text weigh one together, which training does not read yet.
    A tie of all, "none is good" and a skip choose nothing; an attention check tells of the person and teaches the model
    nothing.
    """
    if gesture.candidate_id is not None and gesture.candidate_id not in {c.id for c in generation.candidates}:
        raise Invalid(f"Candidate {gesture.candidate_id} is not on this screen.")
    texts = [candidate.text for candidate in generation.candidates]
    if gesture.edited_text in texts:
        raise Invalid("The edited text is one of the rewrites as it stands: choose that one instead.")
    if gesture.verdict == Verdict.CHOSEN:
        best = {gesture.candidate_id}
    elif gesture.verdict == Verdict.TIE:
        best = set(tied)
    else:
        best = set()
    if gesture.edited_text is not None:
        chosen, rejected = [gesture.edited_text], texts
    else:
        chosen = [candidate.text for candidate in generation.candidates if candidate.id in best]
        rejected = [candidate.text for candidate in generation.candidates if candidate.id not in best]
    if generation.gold or not chosen:
        return []
    prompt, weight = generation.prompt.text, 1 / len(chosen)
    return [Preference(prompt=prompt, chosen=good, rejected=bad, weight=weight) for bad in rejected for good in chosen]


def _tied_of(generation: Generation, gesture: Gesture) -> list[int]:
    """The tied candidates in the order shown; empty in a tie of all, and in every other verdict."""
    shown = [candidate.id for candidate in generation.candidates]
    strange = set(gesture.tied) - set(shown)
    if strange:
        raise Invalid(f"Candidate {min(strange)} is not on this screen.")
    return [] if len(gesture.tied) == len(shown) else [number for number in shown if number in gesture.tied]


def _known(session: Session, user_id: int, gesture: Gesture) -> Judgment | None:
    """The judgment that this gesture has become already: by its client_key, or the same verdict on the same screen."""
    if gesture.client_key is not None:
        sent = session.scalar(select(Judgment).where(Judgment.client_key == gesture.client_key))
        if sent is not None:
            if (sent.user_id, sent.generation_id) != (user_id, gesture.generation_id):
                raise Conflict("That client_key belongs to another judgment.")
            return sent
    standing = _standing(session, user_id, gesture.generation_id)
    return None if standing is None else _same(standing, gesture)


def _standing(session: Session, user_id: int, generation_id: int) -> Judgment | None:
    return session.scalar(
        select(Judgment).where(
            Judgment.generation_id == generation_id, Judgment.user_id == user_id, Judgment.undone_at.is_(None)
        )
    )


def _same(standing: Judgment, gesture: Gesture) -> Judgment:
    tied = _tied_of(standing.generation, gesture)
    if (
        standing.verdict,
        standing.candidate_id,
        standing.edited_text,
        standing.tied or [],
        standing.reason,
        standing.flagged,
    ) == (
        gesture.verdict,
        gesture.candidate_id,
        gesture.edited_text,
        tied,
        gesture.reason,
        gesture.flagged,
    ):
        return standing
    raise Conflict("This screen has another verdict already: undo that one first.", judgment_id=standing.id)


def _announcement(judgment: Judgment) -> dict[str, object]:
    return {
        "id": judgment.id,
        "generation_id": judgment.generation_id,
        "user_id": judgment.user_id,
        "verdict": str(judgment.verdict),
        "preferences": len(judgment.preferences),
    }


def _tied(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Invalid("tied must be a list of candidate ids.")
    numbers = tuple(_whole_number(number, "A candidate id in tied") for number in value)
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise Invalid("tied must name at least two different candidates; leave it out if all are equally good.")
    return numbers


def _reason(value: object) -> str | None:
    return None if value is None or value == "" else prompts.check_text(value, LONGEST_REASON)


def _client_key(value: object) -> str | None:
    if value is None:
        return None
    try:
        return str(uuid.UUID(value if isinstance(value, str) else ""))
    except ValueError:
        raise Invalid("client_key must be a UUID.") from None


def _whole_number(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise Invalid(f"{name} must be a positive whole number.")
    return value


def _duration(value: object) -> float | None:
    if value is None:
        return None
    # Not math.isfinite, which cannot tell of a whole number of hundreds of digits.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise Invalid("seconds must be a number that is not negative.")
    return float(min(value, _LONGEST_SECONDS))
