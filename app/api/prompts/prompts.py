"""Types of the API of prompts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.kinds import Anything, Refused
from app.schemas.reading import Sent
from app.services.exchange.prompt_bodies import CONVERSATIONS
from app.words import N_


class Message(Struct):
    """A message of a conversation."""

    role: str
    content: str


_Text = Annotated[str | list[Message], Meta(description="A text, or messages of which the last is the user's.")]


class PromptLine(Sent, frozen=True):
    """A text and what else is known of it; `prompt` and `toxic` are other names of `text`.

    Only an answering project takes `messages`, `conversations`, `instruction` with its `input`, `turns` and `system`.
    """

    rules: ClassVar[tuple[dict[str, Any], ...]] = (
        {"anyOf": [{"required": [name]} for name in ("text", "prompt", "toxic", *CONVERSATIONS)]},
    )

    text: _Text | UnsetType = UNSET
    prompt: _Text | UnsetType = UNSET
    toxic: _Text | UnsetType = UNSET
    messages: Annotated[list[Message] | UnsetType, Meta(description="A conversation; an answer at its end is cut.")] = (
        UNSET
    )
    conversations: Annotated[list[Anything] | UnsetType, Meta(description="The same, as ShareGPT has it.")] = UNSET
    instruction: str | UnsetType = UNSET
    input: Annotated[str | UnsetType, Meta(description="What the instruction is about.")] = UNSET
    turns: Annotated[list[Message] | UnsetType, Meta(description="The messages before the text.")] = UNSET
    system: Annotated[str | UnsetType, Meta(description="Kept as metadata.")] = UNSET
    priority: int | None = None
    overlap: int | None = None
    gold: str | None = None
    gold_wrong: list[str] | None = None
    metadata: Annotated[Anything, Meta(description="What else is known of it: its language, an id.")] | None = None


class ImportReport(Struct):
    """Report of the rows that were sent."""

    added: Annotated[int, Meta(description="Put into the queue, attention checks among them.")]
    duplicates: int
    systems: Annotated[int, Meta(description="Rows that bring a system message, which is kept as metadata.")]
    rejected: Annotated[list[Refused], Meta(description="Rows, and metadata of other rows, that cannot be used.")]


class Prompt(Struct):
    """A prompt; an `overlap` of null is the studio's."""

    id: int
    text: str
    turns: Annotated[list[Message] | None, Meta(description="The messages before the text, if there are any.")]
    source: str
    judged_by: int
    wanted: Annotated[int, Meta(description="How many people are to judge it.")]
    state: Literal["waiting", "begun", "done", "skipped", "out", "attention check"]
    priority: int
    overlap: int | None
    queued: bool
    gold: str | None
    gold_wrong: list[str] | None
    metadata: Anything | None


class ConfirmPromptQuery(Sent, frozen=True):
    """Deleting is confirmed by the id."""

    confirm: Annotated[
        int,
        Meta(
            description="The prompt's id once more.",
            extra={"refusal": N_("confirm must be the prompt's id once more.")},
        ),
    ]


class DeletedPrompt(Struct):
    """Numbers of what went with a prompt."""

    screens: int
    rewrites: int
    judgments: int
    people: Annotated[int, Meta(description="Who had judged it.")]
    pairs: int


class PromptPage(Struct):
    """A page of prompts."""

    prompts: list[Prompt]
    after: Anything | None


class Changed(Struct):
    """Number of prompts that were changed."""

    changed: int
