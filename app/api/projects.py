"""Types of the API of projects."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.kinds import Time
from app.db import LONGEST_INSTRUCTION, ProjectRole
from app.schemas.kinds import NOT_BLANK, STORABLE, RowId, one_of
from app.schemas.reading import Sent
from app.services.projects.creation import TASKS
from app.services.projects.projects import LONGEST_NAME, LONGEST_SLUG, SLUG
from app.words import N_

_Name = Annotated[
    str,
    Meta(
        max_length=LONGEST_NAME,
        pattern=NOT_BLANK,
        extra={"refusal": N_("Give the project a name of at most {most} characters."), "most": LONGEST_NAME},
    ),
]
_Instruction = Annotated[
    str,
    Meta(
        max_length=LONGEST_INSTRUCTION,
        pattern=STORABLE,
        description="What the desk says above the texts.",
        extra={
            "refusal": N_("The instruction must be a text of at most {most} characters."),
            "most": LONGEST_INSTRUCTION,
        },
    ),
]
_Slug = Annotated[
    str,
    Meta(
        max_length=LONGEST_SLUG,
        pattern=f"^({SLUG})?$",
        description="What addresses call it; made of the name unless given.",
        extra={
            "refusal": N_(
                "The address may have at most {most} small letters from a to z, digits, and hyphens between them."
            ),
            "most": LONGEST_SLUG,
        },
    ),
]


_Task = Annotated[
    Literal["rewriting", "answering"],
    one_of(TASKS),
    Meta(description="Whether a T5 rewrites texts, or a chat model answers."),
]


class ProjectRequest(Sent, frozen=True):
    """A new project, and the version that its first one is a copy of.

    Without one it begins with the base, or, if it answers, with the model that CHAT_MODEL names.
    """

    name: _Name
    slug: _Slug = ""
    instruction: _Instruction = ""
    task: _Task = "rewriting"
    copy_of: RowId | None = None


class ProjectChange(Sent, frozen=True):
    """Names what is to change; what is not sent stays. Nobody but the page of projects finds an archived one."""

    name: _Name | UnsetType = UNSET
    instruction: _Instruction | UnsetType = UNSET
    archived: Annotated[bool, Meta(extra={"refusal": N_("{name} must be true or false.")})] | UnsetType = UNSET


class OwnProject(Struct):
    """A project that one may enter, and as what."""

    id: int
    slug: str
    name: str
    instruction: str
    task: _Task
    role: ProjectRole


class Project(Struct):
    """A project."""

    id: int
    slug: str
    name: str
    instruction: str
    task: _Task
    created_at: Time
    archived_at: Time | None
