"""Verdicts: one transaction writes the judgment and the preference rows that it yields."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Preference, Verdict, now, write_transaction
from app.errors import Conflict, Invalid, NotFound
from app.services import generations, prompts

_LONGEST_SECONDS = 86_400.0


@dataclass(frozen=True)
class Gesture:
    """What an annotator did on one screen; `seconds` is how long they looked."""

    generation_id: int
    verdict: Verdict
    candidate_id: int | None = None
    edited_text: str | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, body: dict[str, object], longest_text: int) -> Gesture:
        """A gesture from a JSON object; raises Invalid with a sentence about the first field that is wrong."""
        unknown = set(body) - {"generation_id", "verdict", "candidate_id", "edited_text", "seconds"}
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
        return cls(generation_id, verdict, candidate_id, edited_text, _duration(body.get("seconds")))


def judge(session: Session, user_id: int, gesture: Gesture) -> Judgment:
    """Store a verdict and its preference rows; saying the same twice yields the first judgment again.

    Raises NotFound for a screen that is not this person's, Invalid for a candidate that is not on it, and Conflict if
    another verdict stands.
    """
    try:
        with write_transaction(session):
            generation = generations.own(session, user_id, gesture.generation_id)
            standing = _standing(session, user_id, gesture.generation_id)
            if standing is not None:
                return _same(standing, gesture)
            judgment = Judgment(
                generation=generation,
                user_id=user_id,
                verdict=gesture.verdict,
                candidate_id=gesture.candidate_id,
                edited_text=gesture.edited_text,
                seconds=gesture.seconds,
                preferences=_preferences(generation, gesture),
            )
            session.add(judgment)
        return judgment
    except IntegrityError:
        # Two submits at the same moment: the database let one in, and this is the other.
        winner = _standing(session, user_id, gesture.generation_id)
        if winner is None:
            raise
        return _same(winner, gesture)


def undo(session: Session, user_id: int, judgment_id: int) -> None:
    """Mark a person's own judgment as undone; its rows no longer count, and the screen can be judged again."""
    with write_transaction(session):
        judgment = session.get(Judgment, judgment_id)
        if judgment is None or judgment.user_id != user_id:
            raise NotFound(f"There is no judgment {judgment_id} of yours.")
        if judgment.undone_at is None:
            judgment.undone_at = now()


def _preferences(generation: Generation, gesture: Gesture) -> list[Preference]:
    """One row a rejected candidate; a tie, "none is good" and a skip choose nothing and so yield no row."""
    if gesture.candidate_id is not None and gesture.candidate_id not in {c.id for c in generation.candidates}:
        raise Invalid(f"Candidate {gesture.candidate_id} is not on this screen.")
    if gesture.verdict == Verdict.CHOSEN:
        chosen = next(c.text for c in generation.candidates if c.id == gesture.candidate_id)
        rejected = [c.text for c in generation.candidates if c.id != gesture.candidate_id]
    elif gesture.verdict == Verdict.EDITED and gesture.edited_text is not None:
        chosen = gesture.edited_text
        rejected = [c.text for c in generation.candidates]
        if chosen in rejected:
            raise Invalid("The edited text is one of the rewrites as it stands: choose that one instead.")
    else:
        return []
    return [Preference(prompt=generation.prompt.text, chosen=chosen, rejected=text) for text in rejected]


def _standing(session: Session, user_id: int, generation_id: int) -> Judgment | None:
    return session.scalar(
        select(Judgment).where(
            Judgment.generation_id == generation_id, Judgment.user_id == user_id, Judgment.undone_at.is_(None)
        )
    )


def _same(standing: Judgment, gesture: Gesture) -> Judgment:
    if (standing.verdict, standing.candidate_id, standing.edited_text) == (
        gesture.verdict,
        gesture.candidate_id,
        gesture.edited_text,
    ):
        return standing
    raise Conflict("This screen has another verdict already: undo that one first.", judgment_id=standing.id)


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
