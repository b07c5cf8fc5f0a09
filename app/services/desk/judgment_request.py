"""A judgment as it is sent for one screen: the fields of a JSON object, checked."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta, structs

from app.db import Verdict
from app.domain_errors import Invalid
from app.schemas.kinds import NOT_BLANK, STORABLE, RowId, Text
from app.schemas.reading import Sent, read
from app.services.desk.edited_text import check_edited
from app.services.prompts import prompts
from app.words import N_, gettext
from models.formats.annotations import BEST_RATING, LONGEST_TAG, MOST_TAGS, WORST_RATING

LONGEST_REASON = 1_000
"""The most characters of a reason for skipping or flagging."""
LONGEST_COMMENT = 1_000
"""The most characters of a comment."""

_LONGEST_SECONDS = 86_400.0
_NO_RATING = N_("rating must be a whole number from 1 to 5.")
_NO_TAGS = N_("tags must be a list of at most {most} names.")
_NO_TAG = N_("A tag must be a text of 1 to {most} characters.")
_Tag = Annotated[
    str,
    Meta(
        extra_json_schema={"minLength": 1, "maxLength": LONGEST_TAG, "pattern": NOT_BLANK},
        extra={"refusal": _NO_TAG, "most": LONGEST_TAG},
    ),
]
_NO_SECONDS = N_("seconds must be a number that is not negative.")
_FEW_TIED = N_("tied must name at least two different candidates; leave it out if all are equally good.")
_NO_KEY = N_("client_key must be a UUID.")
_TiedId = Annotated[RowId, Meta(extra={"refusal": N_("A candidate id in tied must be a positive whole number.")})]
_RankedId = Annotated[RowId, Meta(extra={"refusal": N_("A candidate id in ranking must be a positive whole number.")})]
_Seconds = Annotated[float, Meta(ge=0, description="How long the person looked.", extra={"refusal": _NO_SECONDS})]
Tied = Annotated[
    tuple[_TiedId, ...],
    Meta(
        min_length=2,
        description="The candidates that are equally good, with a verdict of tie; left out: all of them.",
        extra_json_schema={"uniqueItems": True},
        extra={"refusal": N_("tied must be a list of candidate ids."), "bounds": _FEW_TIED},
    ),
]
_NO_RANKING = N_("ranking must name different candidates, the chosen one first.")
_Ranking = Annotated[
    tuple[_RankedId, ...],
    Meta(
        min_length=2,
        description="All candidates of the screen, the chosen one first, with a verdict of chosen.",
        extra_json_schema={"uniqueItems": True},
        extra={"refusal": N_("ranking must be a list of candidate ids."), "bounds": _NO_RANKING},
    ),
]
_Comment = Annotated[
    str,
    Meta(
        description="What colleagues should know of it, with any verdict.",
        extra_json_schema={"maxLength": LONGEST_COMMENT, "pattern": STORABLE},
        extra={"refusal": N_("The text must be a string.")},
    ),
]
_Reason = Annotated[
    str,
    Meta(
        description="Why, with a verdict of skipped.",
        extra_json_schema={"maxLength": LONGEST_REASON, "pattern": STORABLE},
        extra={"refusal": N_("The text must be a string.")},
    ),
]
_ClientKey = Annotated[
    str,
    Meta(
        description="Your own name for this judgment. Sent again, it is the same judgment, even if undone since.",
        extra_json_schema={"format": "uuid"},
        extra={"refusal": _NO_KEY},
    ),
]


class Remark(Sent, frozen=True):
    """Remark on one candidate: how good it is, from 1 (worst) to 5, and tags.

    It is stored whatever the studio asks for now: its settings may have changed since the screen was shown, and other
    programs may have tags of their own.
    """

    candidate_id: RowId
    rating: (
        Annotated[int, Meta(ge=WORST_RATING, le=BEST_RATING, extra={"refusal": _NO_RATING, "bounds": _NO_RATING})]
        | None
    ) = None
    tags: Annotated[
        tuple[_Tag, ...], Meta(max_length=MOST_TAGS, extra={"refusal": _NO_TAGS, "bounds": _NO_TAGS, "most": MOST_TAGS})
    ] = ()


_Remarks = Annotated[
    tuple[Remark, ...],
    Meta(
        description="Ratings and tags of candidates, at most one remark for each.",
        extra={"refusal": N_("remarks must be a list of remarks on candidates.")},
    ),
]


def said_by(verdict: Verdict, needed: str = "", may_have: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of one verdict as a JSON Schema: one that is not its own says nothing."""
    own = {needed, *may_have}
    nothing: dict[str, Any] = {
        **{name: {"type": "null"} for name in ("candidate_id", "edited_text", "tied", "ranking")},
        "reason": {"enum": [None, ""]},
        "flagged": {"const": False},
    }
    properties = {"verdict": {"const": str(verdict)}} | {
        name: schema for name, schema in nothing.items() if name not in own
    }
    if not needed:
        return {"properties": properties}
    return {"properties": properties | {needed: {"not": {"type": "null"}}}, "required": [needed]}


class JudgmentRequest(Sent, frozen=True):
    """Judgment of one screen. Each verdict has fields of its own; a field that is null says nothing.

    `seconds` is how long the person looked. `tied` holds the candidates of a tie that are equally good; without them
    all are. `ranking` is the order of all candidates, which says more than the first of them alone. `remarks` are
    ratings and tags of candidates; they, and a `comment`, go with any verdict. A `flagged` screen is a skipped one that
    an admin should look at; `reason` says why it was skipped or flagged. `client_key` is the sender's own UUID of this
    judgment: sent a second time, it is the same judgment, even if that was undone since.
    """

    unknown: ClassVar[str] = N_("There is no field {name!r} in a judgment.")
    rules: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "anyOf": [
                said_by(Verdict.CHOSEN, "candidate_id", ("ranking",)),
                said_by(Verdict.EDITED, "edited_text", ("candidate_id",)),
                said_by(Verdict.FINE),
                said_by(Verdict.TIE, may_have=("tied",)),
                said_by(Verdict.NONE),
                said_by(Verdict.SKIPPED, may_have=("reason", "flagged")),
            ]
        },
    )

    generation_id: RowId
    verdict: Verdict
    candidate_id: Annotated[RowId, Meta(description="The chosen one, with a verdict of chosen.")] | None = None
    edited_text: Annotated[Text, Meta(description="The better text, with a verdict of edited.")] | None = None
    seconds: _Seconds | None = None
    tied: Tied | None = None
    reason: _Reason | None = None
    flagged: Annotated[bool, Meta(description="An admin should look at it, with a verdict of skipped.")] = False
    client_key: _ClientKey | None = None
    ranking: _Ranking | None = None
    remarks: _Remarks | None = None
    comment: _Comment | None = None

    @classmethod
    def prepared(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values with no more seconds than count: a whole number of hundreds of digits is no float."""
        seconds = values.get("seconds")
        too_many = type(seconds) is int and seconds > _LONGEST_SECONDS
        return {**values, "seconds": _LONGEST_SECONDS} if too_many else values

    def __post_init__(self) -> None:
        """Check what the fields ask of each other; raises Invalid."""
        if self.verdict == Verdict.CHOSEN and self.candidate_id is None:
            raise Invalid(gettext("A chosen verdict needs the candidate_id of the chosen one."))
        if self.verdict not in (Verdict.CHOSEN, Verdict.EDITED) and self.candidate_id is not None:
            raise Invalid(gettext("A verdict of %(verdict)s has no candidate_id.", verdict=self.verdict))
        if (self.verdict == Verdict.EDITED) != (self.edited_text is not None):
            raise Invalid(gettext("edited_text belongs to a verdict of edited, and only to that."))
        if self.tied and len(set(self.tied)) < len(self.tied):
            raise Invalid(gettext(_FEW_TIED))
        if self.tied and self.verdict != Verdict.TIE:
            raise Invalid(gettext("tied belongs to a verdict of tie, and only to that."))
        self._check_ranking()
        if (self.flagged or self.reason) and self.verdict != Verdict.SKIPPED:
            raise Invalid(gettext("reason and flagged belong to a verdict of skipped, and only to that."))
        if self.seconds == math.inf:
            raise Invalid(gettext(_NO_SECONDS))

    def _check_ranking(self) -> None:
        if not self.ranking:
            return
        if self.verdict != Verdict.CHOSEN:
            raise Invalid(gettext("ranking belongs to a verdict of chosen, and only to that."))
        if self.ranking[0] != self.candidate_id or len(set(self.ranking)) < len(self.ranking):
            raise Invalid(gettext(_NO_RANKING))

    @classmethod
    def parse(cls, body: Mapping[str, Any], longest_text: int) -> Self:
        """Return the judgment that a JSON object holds, normalized; raises Invalid about the first wrong field."""
        return read(cls, body).normalized(longest_text)

    def normalized(self, longest_text: int) -> Self:
        """Return it as it is stored: texts without white space around them, a day of seconds at most, one form of UUID.

        Raises Invalid for a text that is too long or holds a special token of models, and for a key that is no UUID.
        """
        return structs.replace(
            self,
            edited_text=None if self.edited_text is None else check_edited(self.edited_text, longest_text),
            reason=prompts.check_text(self.reason, LONGEST_REASON) if self.reason else None,
            comment=prompts.check_text(self.comment, LONGEST_COMMENT) if self.comment else None,
            seconds=None if self.seconds is None else min(self.seconds, _LONGEST_SECONDS),
            client_key=_uuid(self.client_key),
        )


def _uuid(key: str | None) -> str | None:
    if key is None:
        return None
    try:
        return str(uuid.UUID(key))
    except ValueError:
        raise Invalid(gettext(_NO_KEY)) from None
