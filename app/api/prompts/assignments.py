"""Types of the API of assignments and of groups of people."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.kinds import Count, Time
from app.domain_errors import Invalid
from app.schemas.days import Day, check_days
from app.schemas.kinds import NOT_BLANK, STORABLE, RowId
from app.schemas.reading import Sent
from app.services.prompts.assigning.assignments import LONGEST_NOTE, Assigning
from app.services.prompts.assigning.groups import LONGEST_NAME
from app.services.prompts.search import PromptFilter
from app.words import N_, gettext

MOST_NAMED = 1_000
MOST_MEMBERS = 1_000
_SAY_WHOM = N_("Say for whom it is: a person or a group.")
_SAY_WHICH = N_("Say which prompts are meant: prompts or filter.")
_Note = Annotated[
    str,
    Meta(
        max_length=LONGEST_NOTE,
        pattern=STORABLE,
        extra={"refusal": N_("The note must be a text of at most {most} characters."), "most": LONGEST_NOTE},
    ),
]
_Name = Annotated[
    str,
    Meta(
        max_length=LONGEST_NAME,
        pattern=NOT_BLANK,
        extra={"refusal": N_("Give the group a name of at most {most} characters."), "most": LONGEST_NAME},
    ),
]
_Members = Annotated[list[RowId], Meta(max_length=MOST_MEMBERS, description="The ids of its people.")]


class AssignmentRequest(Sent, frozen=True):
    """Prompts for a `person` or a `group`: those with the ids `prompts`, or all that a `filter` finds."""

    rules: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "oneOf": [
                {"required": ["person"], "properties": {"group": False}},
                {"required": ["group"], "properties": {"person": False}},
            ]
        },
        {
            "oneOf": [
                {"required": ["prompts"], "properties": {"filter": False}},
                {"required": ["filter"], "properties": {"prompts": False}},
            ]
        },
    )

    person: RowId | UnsetType = UNSET
    group: RowId | UnsetType = UNSET
    prompts: Annotated[list[RowId], Meta(min_length=1, max_length=MOST_NAMED)] | UnsetType = UNSET
    filter: PromptFilter | UnsetType = UNSET
    due: Annotated[Day, Meta(description="The last day, in UTC, on which it is in time.")] | None = None
    returns: Annotated[bool, Meta(description="Whether the prompts are everybody's again after that day.")] = False
    note: _Note = ""

    def __post_init__(self) -> None:
        """Check that it says for whom and which, each in one way; raises Invalid."""
        check_days(due=self.due)
        if (self.person is UNSET) == (self.group is UNSET):
            raise Invalid(gettext(_SAY_WHOM))
        if (self.prompts is UNSET) == (self.filter is UNSET):
            raise Invalid(gettext(_SAY_WHICH))

    def wished(self) -> Assigning:
        """Return whom it is for, and until when."""
        person = None if self.person is UNSET else self.person
        return Assigning(person, None if self.group is UNSET else self.group, self.due, self.returns, self.note)

    def meant(self) -> PromptFilter | list[int]:
        """Return which prompts are meant."""
        return self.filter if self.filter is not UNSET else self.prompts if self.prompts is not UNSET else []


class Assigned(Struct):
    """A new assignment."""

    id: Count
    prompts: Count
    moved: Annotated[Count, Meta(description="How many of them another assignment had before.")]


class Named(Struct):
    """A person or a group."""

    id: Count
    name: str


class Assignment(Struct):
    """An assignment, for a person or for a group."""

    id: Count
    person: Named | None
    group: Named | None
    state: Literal["running", "overdue", "waiting", "done", "withdrawn", "over"]
    prompts: Count
    done: Annotated[Count, Meta(description="Judged often enough, or judged or skipped by everybody it is for.")]
    left: Count
    due: date | None
    returns: bool
    note: str
    created_at: Time
    ended_at: Time | None


class AssignmentPage(Struct):
    """A page of assignments."""

    assignments: list[Assignment]
    before: int | None


class GroupRequest(Sent, frozen=True):
    """A new group."""

    name: _Name
    members: _Members = msgspec.field(default_factory=list)


class GroupChange(Sent, frozen=True):
    """Changes of a group; what is left out stays."""

    name: _Name | UnsetType = UNSET
    members: _Members | UnsetType = UNSET


class Group(Struct):
    """A group and the ids of its people."""

    id: Count
    name: str
    members: list[int]
