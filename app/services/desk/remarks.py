"""What a person says of a screen beside the verdict: a rating and tags of single candidates, and a comment.

A studio asks for it or not (`ask_rating`, `tags` and `ask_comment` of its settings). What is sent is stored in any
case: the settings may have changed since the screen was shown, and other programs may have tags of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from msgspec import Meta

from app.domain_errors import Invalid
from app.schemas.kinds import NOT_BLANK, RowId
from app.schemas.reading import Sent
from app.services.prompts import prompts
from app.words import N_, gettext
from models.formats.annotations import BEST_RATING, LONGEST_TAG, MOST_TAGS, WORST_RATING

LONGEST_COMMENT = 1_000
"""The most characters of a comment."""

_NO_RATING = N_("rating must be a whole number from 1 to 5.")
_NO_TAGS = N_("tags must be a list of at most {most} names.")
_NO_TAG = N_("A tag must be a text of 1 to {most} characters.")
Tag = Annotated[
    str,
    Meta(
        extra_json_schema={"minLength": 1, "maxLength": LONGEST_TAG, "pattern": NOT_BLANK},
        extra={"refusal": _NO_TAG, "most": LONGEST_TAG},
    ),
]


class Remark(Sent, frozen=True):
    """Remark on one candidate: how good it is, from 1 (worst) to 5, and tags."""

    candidate_id: RowId
    rating: (
        Annotated[int, Meta(ge=WORST_RATING, le=BEST_RATING, extra={"refusal": _NO_RATING, "bounds": _NO_RATING})]
        | None
    ) = None
    tags: Annotated[
        tuple[Tag, ...], Meta(max_length=MOST_TAGS, extra={"refusal": _NO_TAGS, "bounds": _NO_TAGS, "most": MOST_TAGS})
    ] = ()


Remarks = Annotated[
    tuple[Remark, ...],
    Meta(
        description="Ratings and tags of candidates, at most one remark for each.",
        extra={"refusal": N_("remarks must be a list of remarks on candidates.")},
    ),
]


def stored(remarks: Iterable[Remark], shown: Sequence[int]) -> list[dict[str, Any]]:
    """Return the remarks as they are stored, in the order of the candidates shown, without those that say nothing.

    Raises Invalid for a candidate that is not on the screen or has two remarks, and for a tag that cannot be stored.
    """
    found: dict[int, dict[str, Any]] = {}
    for one in remarks:
        if one.candidate_id not in shown:
            raise Invalid(gettext("Candidate %(id)s is not on this screen.", id=one.candidate_id))
        if one.candidate_id in found:
            raise Invalid(gettext("Candidate %(id)s has two remarks: send one.", id=one.candidate_id))
        tags = list(dict.fromkeys(prompts.check_text(tag, LONGEST_TAG) for tag in one.tags))
        rated = {} if one.rating is None else {"rating": one.rating}
        found[one.candidate_id] = {"candidate_id": one.candidate_id, **rated, **({"tags": tags} if tags else {})}
    return [found[number] for number in shown if len(found.get(number, ())) > 1]
