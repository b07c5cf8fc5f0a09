"""Types of the API of the desk, and of the review of what was judged there."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.exchange import Who
from app.api.kinds import Anything, Count, Time
from app.db import Verdict
from app.domain_errors import Invalid
from app.schemas.kinds import LARGEST_ID, Text, one_of
from app.schemas.reading import Sent
from app.services.desk.settings import (
    Blur,
    DeskChange,
    Diff,
    Font,
    Language,
    TextSize,
    Theme,
    TimeZone,
    Toured,
    Warned,
    Width,
)
from app.services.prompts.studio_settings import MOST_TEXT, QUESTIONS
from app.services.review.cases import State
from app.words import N_, gettext
from models.chat.conversation import MOST_MESSAGES

MOST_SHOWN = 100
Question = Annotated[str, one_of(QUESTIONS)]
_Shown = Annotated[
    list[Annotated[int, Meta(ge=1, le=LARGEST_ID)]],
    Meta(
        max_length=MOST_SHOWN,
        description="Screens on the desk already, which must not come again.",
        extra={"refusal": N_("{name} must be a list of at most {most} generation ids."), "most": MOST_SHOWN},
    ),
]
_Markdown = Annotated[
    str,
    Meta(
        max_length=MOST_TEXT,
        extra={"refusal": N_("{name} must be a text of at most {most} characters."), "most": MOST_TEXT},
    ),
]


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    """A message before the last one of a conversation."""

    role: Annotated[Literal["user", "assistant"], one_of(("user", "assistant"))]
    content: Text


_Turns = Annotated[
    list[Turn],
    Meta(
        max_length=MOST_MESSAGES,
        description="What was said before the text: the user first, then in turns, the assistant last.",
        extra={"refusal": N_("{name} must be a list of at most {most} messages."), "most": MOST_MESSAGES},
    ),
]


class GenerationRequest(Sent, frozen=True):
    """A `text` of one's own, or `from` the queue what comes next.

    In a project that answers, `turns` are what was said before the text.
    """

    rules: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "oneOf": [
                {"required": ["text"], "properties": {"from": False, "shown": False}},
                {"required": ["from"], "properties": {"text": False, "turns": False}},
            ]
        },
    )

    text: Text | UnsetType = UNSET
    source: Literal["queue"] | UnsetType = msgspec.field(name="from", default=UNSET)
    shown: _Shown | UnsetType = UNSET
    turns: _Turns | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Check that it is either of the two; raises Invalid."""
        if self.source is UNSET and self.text is UNSET:
            raise Invalid(gettext("The text must be a string."))
        if self.turns is not UNSET and self.text is UNSET:
            raise Invalid(gettext("Send turns with the text that comes after them."))
        if self.text is not UNSET and (self.source is not UNSET or self.shown is not UNSET):
            raise Invalid(gettext("Send a text, or from: queue, not both."))


_Version = Annotated[
    int | None,
    Meta(
        description="The version that wrote it; in a live comparison, where two wrote its cards, the one that serves."
    ),
]


_LooksLike = Annotated[
    str | None,
    Meta(description="The language or script that the text is in, where that is surely not English; else null."),
]


class ShownCandidate(Struct):
    """One rewrite or answer on a screen."""

    id: int
    text: str


class Card(ShownCandidate):
    """The same at a desk."""

    html: Annotated[str | None, Meta(description="The Markdown of an answer, cleaned: safe to show.")]


class Generation(Struct):
    """A screen."""

    id: int
    text: str
    looks_like: _LooksLike
    version: _Version
    candidates: Annotated[list[Card], Meta(max_length=3)]
    exhausted: Annotated[bool, Meta(description="The model could not write three that differ.")]
    turns: Annotated[list[Turn], Meta(description="What was said before the text; empty for rewrites.")]
    system: Annotated[str, Meta(description="The system message that the model was given; empty for rewrites.")]
    metadata: Annotated[Anything, Meta(description="What its file said of the text beside it.")] | None


class MeChange(Sent, frozen=True):
    """Changes of one's own account."""

    unknown: ClassVar[str] = N_("{name!r} cannot be changed here.")

    settings: Annotated[DeskChange, Meta(extra={"refusal": N_("Send settings: an object of the settings to change.")})]


class Today(Struct):
    """Today's work."""

    judged: Count
    seconds: Annotated[float, Meta(description="Spent looking, at most two minutes a screen.")]
    per_minute: float | None


class Sitting(Struct):
    """Judgments without a long pause between them, up to now."""

    judged: Count
    minutes: Annotated[int, Meta(description="Since the first judgment after a pause of half an hour.")]


class DeskSettings(Struct, forbid_unknown_fields=True):
    """Settings of one's own desk."""

    blur: Blur | None
    diff: Diff
    toured: Toured
    warned: Warned
    text_size: TextSize
    width: Width
    font: Font
    time_zone: TimeZone
    theme: Theme
    language: Language


class Asked(Struct):
    """Tells what the studio asks of each screen."""

    question: Annotated[Question, Meta(description="Which of three or of two is the best, or the order of all.")]
    rating: Annotated[bool, Meta(description="Whether candidates may be rated from 1 to 5.")]
    tags: Annotated[list[str], Meta(description="Tags that may be put on candidates.")]
    comment: Annotated[bool, Meta(description="Whether a comment may be left for colleagues.")]


class Me(Struct):
    """Oneself."""

    id: Count
    email: str
    name: str
    role: str
    settings: DeskSettings
    today: Today
    sitting: Sitting
    streak_days: Annotated[int, Meta(description="Days in a row with a judgment, up to today or yesterday.")]
    asked: Asked


class Guidelines(Struct):
    """Guidelines for good rewrites."""

    markdown: _Markdown
    html: Annotated[str, Meta(description="Cleaned: safe to show.")]


class GuidelinesPreview(Sent, frozen=True):
    """Markdown to look at."""

    markdown: _Markdown


_Best = Annotated[
    list[int], Meta(description="The candidates of the review that are the best; none for other verdicts.")
]


class ReviewedPrompt(Struct):
    """A prompt that people judged."""

    id: int
    text: str
    source: str


class Opinion(Struct):
    """Tells what one person said; of a decision, the reviewer."""

    judgment_id: int
    person: Who
    verdict: Verdict
    best: _Best
    edited_text: str | None
    reason: str | None
    flagged: bool
    created_at: Time


class ReviewedScreen(Struct):
    """Tells what people said of one prompt with the same rewrites."""

    id: int
    state: State
    prompt: ReviewedPrompt
    candidates: list[ShownCandidate]
    people: Annotated[Count, Meta(description="Those who said something.")]
    disagreement: Annotated[
        float, Meta(ge=0, le=1, description="The share of pairs of them who said different things.")
    ]
    flags: Annotated[Count, Meta(description="Those who flagged it.")]
    opinions: list[Opinion]
    decision: Opinion | None


class ReviewPage(Struct):
    """A page of reviews."""

    reviews: list[ReviewedScreen]
    after: Annotated[int | None, Meta(description="Send it for the next page.")]
    waiting: Annotated[Count, Meta(description="Judgments that the list does not know yet.")]
