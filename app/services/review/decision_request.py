"""A decision as it is sent for one review: the fields of a JSON object, checked."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, structs

from app.db import Verdict
from app.domain_errors import Invalid
from app.schemas.kinds import STORABLE, RowId, Text
from app.schemas.reading import Sent
from app.services.desk.judgment_request import LONGEST_REASON, JudgmentRequest, Tied, said_by
from app.services.prompts import prompts
from app.words import N_, gettext

_Reason = Annotated[
    str,
    Meta(
        description="Why, for those whose judgments it decides.",
        extra_json_schema={"maxLength": LONGEST_REASON, "pattern": STORABLE},
        extra={"refusal": N_("The text must be a string.")},
    ),
]


class DecisionRequest(Sent, frozen=True):
    """Decision of one review: a verdict as on a screen, but never skipped, and a reason."""

    unknown: ClassVar[str] = N_("There is no field {name!r} in a decision.")
    rules: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "anyOf": [
                said_by(Verdict.CHOSEN, "candidate_id", ("reason",)),
                said_by(Verdict.EDITED, "edited_text", ("candidate_id", "reason")),
                said_by(Verdict.FINE, may_have=("reason",)),
                said_by(Verdict.TIE, may_have=("tied", "reason")),
                said_by(Verdict.NONE, may_have=("reason",)),
            ]
        },
    )

    verdict: Verdict
    candidate_id: Annotated[RowId, Meta(description="The best one, with a verdict of chosen.")] | None = None
    edited_text: Annotated[Text, Meta(description="The better text, with a verdict of edited.")] | None = None
    tied: Tied | None = None
    reason: _Reason | None = None

    def __post_init__(self) -> None:
        """Check that it decides something, and what the fields ask of each other; raises Invalid."""
        if self.verdict == Verdict.SKIPPED:
            raise Invalid(gettext("A decision says something: send the screen back to ask for one more opinion."))
        self.judgment(1)

    def normalized(self, longest_text: int) -> DecisionRequest:
        """Return it as it is stored; raises Invalid as `judgment` does, and for a reason that is too long."""
        edited = self.judgment(1).normalized(longest_text).edited_text
        reason = prompts.check_text(self.reason, LONGEST_REASON) if self.reason and self.reason.strip() else None
        return structs.replace(self, edited_text=edited, reason=reason)

    def judgment(self, generation_id: int) -> JudgmentRequest:
        """Return the judgment that it is of a screen."""
        return JudgmentRequest(
            generation_id=generation_id,
            verdict=self.verdict,
            candidate_id=self.candidate_id,
            edited_text=self.edited_text,
            tied=self.tied,
        )
