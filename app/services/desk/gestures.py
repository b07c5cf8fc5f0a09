"""A judgment as it is sent for one screen: the fields of a JSON object, checked."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass

from app.db import Verdict
from app.errors import Invalid
from app.services.prompts import prompts

LONGEST_REASON = 1_000
"""The most characters of a reason for skipping or flagging."""

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
    """A judgment that was sent for one screen; `seconds` is how long the person looked at it.

    `tied` holds the candidates of a tie that are equally good; empty means all of them. A `flagged` screen is a skipped
    one that an admin should look at; `reason` says why it was skipped or flagged. `client_key` is a UUID that the
    sender gave to this judgment: sent a second time, it is the same judgment, even if that was undone since.
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
        """Read a judgment from a JSON object; raises Invalid about the first field that is wrong."""
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
    # Not math.isfinite, which raises OverflowError for an integer of hundreds of digits.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise Invalid("seconds must be a number that is not negative.")
    return float(min(value, _LONGEST_SECONDS))
