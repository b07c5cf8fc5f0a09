"""Changes of prompts, as they are sent."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, UnsetType

from app.domain_errors import Invalid
from app.schemas.kinds import Text, TextOrNone
from app.schemas.reading import Sent
from app.services.prompts.prompts import MOST_OVERLAP, MOST_PRIORITY, MOST_WRONG
from app.words import N_, gettext

Priority = Annotated[
    int,
    Meta(
        ge=-MOST_PRIORITY,
        le=MOST_PRIORITY,
        extra={
            "refusal": N_("The priority must be a whole number, not {value!r}."),
            "bounds": f"The priority must be between -{MOST_PRIORITY} and {MOST_PRIORITY}.",
        },
    ),
]
Overlap = Annotated[
    int,
    Meta(
        ge=1,
        le=MOST_OVERLAP,
        extra={
            "refusal": N_("The overlap must be a whole number, not {value!r}."),
            "bounds": f"The overlap must be between 1 and {MOST_OVERLAP}.",
        },
    ),
]
_GoldWrong = Annotated[
    list[Text],
    Meta(
        max_length=MOST_WRONG,
        extra_json_schema={"uniqueItems": True},
        extra={
            "refusal": N_("The wrong rewrites must be a list of texts."),
            "bounds": f"An attention check has at most {MOST_WRONG} wrong rewrites.",
        },
    ),
]


class PromptsChange(Sent, frozen=True):
    """Changes of several prompts; what is left out stays."""

    unknown: ClassVar[str] = N_("Say what is to change: priority, overlap or queued.")
    rules: ClassVar[tuple[dict[str, Any], ...]] = ({"minProperties": 1},)

    priority: Priority | UnsetType | None = UNSET
    overlap: Overlap | UnsetType | None = UNSET
    queued: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Check that something is to change; raises Invalid."""
        if (self.priority, self.overlap, self.queued) == (UNSET, UNSET, UNSET):
            raise Invalid(gettext(self.unknown))


class PromptChange(Sent, frozen=True):
    """Changes of one prompt; what is left out stays."""

    unknown: ClassVar[str] = N_("There is no field {name!r} that can be changed in a prompt.")

    priority: Priority | UnsetType | None = UNSET
    overlap: Overlap | UnsetType | None = UNSET
    queued: bool | UnsetType = UNSET
    gold: TextOrNone | UnsetType | None = UNSET
    gold_wrong: _GoldWrong | UnsetType | None = UNSET
