"""The request to store a file, and the plan made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from app.domain_errors import Invalid
from app.schemas.reading import read
from app.services.exchange.mapping import ColumnMapping, MappingSent
from app.services.prompts.changes import Overlap, Priority
from app.words import N_, gettext

MOST_ROWS = 10_000_000
_LONGEST_SOURCE = 200

_Source = Annotated[
    str,
    Meta(
        max_length=_LONGEST_SOURCE,
        pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
        extra={
            "refusal": N_("{name} must be a text of at most {most} characters in one line."),
            "most": _LONGEST_SOURCE,
        },
    ),
]


_Rows = Annotated[
    int,
    Meta(
        ge=1,
        le=MOST_ROWS,
        description="Take only so many rows that can be used, the first ones; all unless given.",
        extra={
            "refusal": N_("The number of rows to take must be a whole number."),
            "bounds": N_("The number of rows to take must be between 1 and {most}."),
            "most": MOST_ROWS,
        },
    ),
]
_AtRandom = Annotated[bool, Meta(description="Draw the rows at random in the place of the first ones.")]


class ImportRequest(MappingSent, frozen=True):
    """Request to store a file: its texts are queued, its judgments taken over, or both."""

    rules: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "anyOf": [
                {"properties": {"queue": {"const": True}}},
                {"properties": {"judgments": {"const": True}}, "required": ["judgments"]},
            ]
        },
        {
            "not": {
                "properties": {"judgments": {"const": True}, "rows": {"type": "integer"}},
                "required": ["judgments", "rows"],
            }
        },
    )

    source: _Source | None = None
    priority_of_all: Priority | None = None
    overlap_of_all: Overlap | None = None
    queue: bool = True
    judgments: bool = False
    rows: _Rows | None = None
    at_random: _AtRandom = False

    def __post_init__(self) -> None:
        """Check that something is to be done, and can be; raises Invalid."""
        if not self.queue and not self.judgments:
            raise Invalid(gettext("Put the texts into the queue, or take over the judgments, or both."))
        if self.judgments and self.rows is not None:
            raise Invalid(
                gettext("A judgment may have several rows: take all rows, or only texts without their judgments.")
            )


@dataclass(frozen=True)
class ImportPlan:
    """Plan of how a file is stored.

    `source` is where the prompts are said to come from. `priority` and `overlap` are for the rows that say nothing
    about them. `queue` puts the texts into the queue, `judgments` takes over the choices that the file holds. At most
    `rows` are taken, the first ones or, `at_random`, any; None means all.
    """

    mapping: ColumnMapping
    source: str
    priority: int = 0
    overlap: int | None = None
    queue: bool = True
    judgments: bool = False
    file_name: str = ""
    rows: int | None = None
    at_random: bool = False

    @classmethod
    def parse(cls, values: Mapping[str, Any], name: str) -> ImportPlan:
        """Return the plan in a JSON object for a file called `name`; raises Invalid about the first wrong value."""
        return cls.of(read(ImportRequest, values), name)

    @classmethod
    def of(cls, sent: ImportRequest, name: str) -> ImportPlan:
        """Return the plan that was sent for a file called `name`."""
        return cls(
            ColumnMapping.of(sent),
            sent.source or name,
            sent.priority_of_all or 0,
            sent.overlap_of_all,
            sent.queue,
            sent.judgments,
            name,
            sent.rows,
            sent.at_random,
        )

    @property
    def taken(self) -> dict[str, str]:
        """Return which part of the file is taken, as the audit log says it; nothing is said of a whole file."""
        return {"taken": f"{self.rows} {'at random' if self.at_random else 'first'}"} if self.rows else {}
