"""Types of the API of versions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.kinds import Anything, Count, Time
from app.db import ForgettingKind
from app.schemas.kinds import STORABLE, RowId, Text, one_of
from app.schemas.reading import Sent
from app.services.versions.versions import LONGEST_NOTE

Archive = Annotated[str, Meta(extra_json_schema={"format": "binary"})]
_Number = Annotated[int, Meta(extra={"refusal": "version must be a whole number."})]
_Note = Annotated[
    str,
    Meta(
        max_length=LONGEST_NOTE,
        pattern=STORABLE,
        extra={
            "refusal": f"The note must be a text of at most {LONGEST_NOTE} characters.",
            "pattern": "The note holds characters that cannot be stored.",
        },
    ),
]


class ServingAlias(Sent, frozen=True):
    """The version that serves."""

    version: _Number


class VersionChange(Sent, frozen=True):
    """Changes of a version."""

    unknown: ClassVar[str] = "Of a version only its note can be changed."

    note: _Note


class ConfirmQuery(Sent, frozen=True):
    """Deleting is confirmed by the number."""

    confirm: Annotated[
        int,
        Meta(
            description="The version's number once more.",
            extra={"refusal": "confirm must be the version's number once more."},
        ),
    ]


class TrialRequest(Sent, frozen=True):
    """A text to rewrite."""

    text: Text


class TriedCandidate(Struct):
    """One rewrite."""

    text: str
    log_probability: Annotated[
        float, Meta(description="In nats, at temperature 1, as it was sampled; exact if it was joined from pieces.")
    ]


class Trial(Struct):
    """Rewrites by a version."""

    version: int
    text: str
    candidates: Annotated[list[TriedCandidate], Meta(max_length=3)]
    exhausted: Annotated[bool, Meta(description="The model could not write three different rewrites.")]
    milliseconds: float


class Estimate(Struct):
    """A figure and its interval."""

    value: float
    low: float
    high: float
    texts: int


class Difference(Struct):
    """A difference and its interval."""

    value: float
    low: float
    high: float
    differs: Annotated[bool, Meta(description="Whether the interval leaves out zero, on texts enough to tell.")]
    texts: Annotated[int, Meta(description="The texts, or prompts, that were compared.")] | UnsetType = UNSET
    too_few: Annotated[bool, Meta(description="Whether they are too few to show any difference.")] | UnsetType = UNSET


class MeasuredOn(Struct):
    """The texts that a version was measured on."""

    name: str
    sha256: str
    texts: int


class Scorer(Struct):
    """Tools that measured the figures."""

    name: str
    version: str


class Comparison(Struct, kw_only=True):
    """The differences of two systems."""

    of: str
    other: str = msgspec.field(name="with")
    figures: dict[str, Difference]


_Scorers = Annotated[
    dict[str, Scorer],
    Meta(description="Role to scorer; figures of different scorers cannot be compared."),
]
_Systems = Annotated[
    dict[str, dict[str, Estimate]],
    Meta(description="version, parent and the baselines; each has figures by name."),
]
_Clicks = Annotated[Anything, Meta(description="The same on clicks that were held out of training, or a note.")]
_MeasuredWith = Annotated[
    int, Meta(description="The version in whose training this one was measured, where that was not its own.")
]
_Problem = Annotated[str, Meta(description="Why there is no evaluation; then there is nothing else.")]


class Evaluation(Struct):
    """Evaluation of a version on a test set and on clicks."""

    problem: _Problem | UnsetType = UNSET
    measured_with: _MeasuredWith | UnsetType = UNSET
    test_set: MeasuredOn | UnsetType = UNSET
    scorers: _Scorers | UnsetType = UNSET
    systems: _Systems | UnsetType = UNSET
    comparisons: list[Comparison] | UnsetType = UNSET
    clicks: _Clicks | UnsetType = UNSET
    sampling: Anything | UnsetType = UNSET
    measuring: Annotated[str, Meta(description="Hash of the code that measured.")] | UnsetType = UNSET
    intervals: Annotated[str, Meta(description="How the intervals are computed.")] | UnsetType = UNSET
    bootstrap: Anything | UnsetType = UNSET
    signatures: Anything | UnsetType = UNSET
    format: int | UnsetType = UNSET


_Metrics = Annotated[Anything, Meta(description="The figures that decided whether it may serve, and of its training.")]


_DeletedJudgments = Annotated[
    int,
    Meta(
        description="How many judgments were deleted since it, or a version that it comes from, was trained on them. "
        "Of versions that an earlier release trained, at most so many."
    ),
]


class Version(Struct):
    """A published version."""

    number: int
    parent: int | None
    run_id: int | None
    method: str
    metrics: _Metrics
    evaluation: Evaluation | None
    sha256: str
    deleted_judgments: _DeletedJudgments
    serving: bool
    note: str
    created_at: Time
    deleted_at: Annotated[Time, Meta(description="When its files were removed; null while they are there.")] | None


class OfBoth(Struct):
    """A figure of each of the two versions."""

    old: float
    new: float


class LiveComparison(Struct, kw_only=True):
    """A live comparison of two versions by the clicks on screens with cards of both."""

    id: Count
    old: Annotated[int, Meta(description="The version that served before.")]
    new: Annotated[int, Meta(description="The version that was published then.")]
    serving: Annotated[int, Meta(description="The version of the two that serves, or served, meanwhile.")]
    state: Literal["running", "decided", "ended"]
    outcome: (
        Annotated[
            Literal["old", "new", "none"],
            Meta(description="What the clicks decided; none: they showed no difference. Null unless they did."),
        ]
        | None
    )
    reason: Annotated[str, Meta(description="Why it ended.")] | None
    clicks: Annotated[int, Meta(description="The clicks that count.")]
    most_clicks: Annotated[int, Meta(description="The clicks after which it ends without a difference shown.")]
    clicks_left: Annotated[int, Meta(description="About how many more decide, where that can be said.")] | None
    wins: Annotated[OfBoth, Meta(description="The clicks that chose a card of each.")]
    expected: Annotated[OfBoth, Meta(description="The clicks that would if both were equally good.")]
    evidence: Annotated[OfBoth, Meta(description="That each is the better one, from 0, none, to 1, which decides.")]
    people: Annotated[int, Meta(description="How many people judged.")]
    started_at: Time
    ended_at: Time | None


class ForgettingRequest(Sent, frozen=True):
    """Names what is to be forgotten, and the version to make again without it."""

    kind: Annotated[Literal["person", "prompt", "import", "deleted"], one_of(ForgettingKind)]
    number: (
        Annotated[RowId, Meta(description="The id of the person, prompt or import; left out for deleted judgments.")]
        | None
    ) = None
    target: (
        Annotated[RowId, Meta(description="The version to make again; left out: the one that serves, or the newest.")]
        | None
    ) = None
    serve: Annotated[
        bool,
        Meta(
            description="Whether the last version serves, if it passes its check.",
            extra={"refusal": "serve must be true or false."},
        ),
    ] = False


class DeleteOldQuery(Sent, frozen=True):
    """Deleting is confirmed by the number of versions."""

    confirm: Annotated[
        int,
        Meta(
            description="How many versions there are to delete.",
            extra={"refusal": "confirm must be how many versions there are to delete."},
        ),
    ]


class LearnedVersion(Struct):
    """A version that learned from what is to be forgotten."""

    version: int
    judgments: Annotated[int, Meta(description="Of its own training; of an earlier release's, at most so many.")]
    pairs: Annotated[int, Meta(description="Pairs of rewrites of texts that are to be forgotten.")]
    inherited: Annotated[bool, Meta(description="Whether a version that it comes from learned from it, too.")]


class ForgettingStep(Struct):
    """A version to be made again."""

    version: int
    pairs: Annotated[int, Meta(description="The pairs that are left to train on.")]


class ForgettingPlan(Struct):
    """The versions that learned from it, and those to be made again, in order."""

    learned: list[LearnedVersion]
    target: int | None
    base: Annotated[int, Meta(description="The version to start from.")] | None
    steps: list[ForgettingStep]
    left_out: Annotated[list[int], Meta(description="Versions that learned from nothing else.")]
    problem: Annotated[str, Meta(description="Why it cannot be done; empty if it can.")]
    elsewhere: Annotated[list[str], Meta(description="Other projects whose versions learned from it: ask there, too.")]


class ForgettingState(Struct):
    """A forgetting, and how far it has come."""

    id: int
    kind: str
    number: int | None
    target: int
    serve: bool
    runs: Annotated[list[int], Meta(description="The ids of its runs, in order.")]
    active: Annotated[bool, Meta(description="Whether some of them wait or work.")]
    made: Annotated[int, Meta(description="The last version, once all are made.")] | None
    old: Annotated[list[int], Meta(description="Versions to be deleted once all are made.")]
    created_at: Time
