"""Types of the API of training runs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from app.api.kinds import Anything, Refused, Time
from app.db import RunStatus
from app.schemas.kinds import LARGEST_ID
from app.schemas.reading import Sent
from app.services.training.course.phases import Phase
from app.services.training.selection import Selection

RetrainForm = Annotated[
    dict[str, str],
    Meta(
        description="The fields of the Retrain form on the Training page; an empty one leaves what is usual.",
        extra_json_schema={"properties": {name: {"type": "string"} for name in ("method", "parent_version")}},
    ),
]
_Column = Annotated[str, Meta(description="Its name in the header.")]


class DatasetQuery(Sent, frozen=True):
    """Columns that hold the pairs."""

    source_column: _Column = ""
    target_column: _Column = ""


class CurveQuery(Sent, frozen=True):
    """Name of a metric."""

    name: str = "loss"


class EventsQuery(Sent, frozen=True):
    """Where the stream begins."""

    after: Annotated[int, Meta(ge=0, le=LARGEST_ID, description="As Last-Event-ID, which comes before it.")] = 0


class Sample(Struct):
    """One of the first rows."""

    line: int
    source: str
    references: list[str]


class Dataset(Struct):
    """Summary of a data set."""

    sha256: Annotated[str, Meta(description="Of the format's extension, a line break and the content.")]
    rows: int
    pairs: Annotated[int, Meta(description="A row with three references is three pairs.")]
    sources: int
    dev_sources: Annotated[int, Meta(description="Held out at the default dev_split.")]
    duplicates: Annotated[int, Meta(description="Pairs that repeat an earlier one; each is used once.")]
    problem_count: Annotated[int, Meta(description="Rows that are left out.")]
    problems: Annotated[list[Refused], Meta(max_length=20)]
    notes: Annotated[list[str], Meta(description="How the file was understood, where that is open.")]
    sample: list[Sample]


class RunReceipt(Struct):
    """The run that was asked for."""

    id: int
    status: RunStatus


class Run(Struct):
    """A training run."""

    id: int
    status: RunStatus
    stage: str
    method: str
    config: Anything
    selection: Selection
    position: Annotated[int, Meta(description="How many runs come before it; null when it has ended.")] | None
    pairs: int
    step: int
    total_steps: int
    phase: Annotated[Phase, Meta(description="What it is at; null if it waits or has ended.")] | None
    progress: Annotated[float, Meta(ge=0, le=1, description="The share of the whole run that is done.")]
    eta_seconds: Annotated[float, Meta(description="Until the whole run ends; null while unknown.")] | None
    checkpoints: Annotated[list[int], Meta(description="The steps after which one was saved.")]
    attempts: int
    parent_version: int | None
    produced_version: int | None
    cancelling: bool
    error: str | None
    note: str | None
    occasion: Annotated[str, Meta(description="Why it began by itself; null if somebody asked for it.")] | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None


class RunEstimate(Struct):
    """Seconds: the middle, and the range that past runs of the method suggest."""

    seconds: int
    least: int
    greatest: int
    runs: int


class RunForecast(Struct):
    """Share of cases in which what is shown would be preferred after the run, with its 90 % interval, in 0 … 1."""

    value: float
    low: float
    high: float
    clicks: Annotated[int, Meta(description="Those it rests on, since the live version was trained.")]
    gain: Annotated[float, Meta(description="Of the choice by the clicks alone, in usual differences of two cards.")]


class RunPreview(Struct):
    """Amount that a run would train on, and its estimated time."""

    judgments: Annotated[int, Meta(description="Those that yield pairs.")]
    pairs: int
    prompts: int
    people: int
    none_good: Annotated[int, Meta(description="Screens of which none was good; only kto learns from them.")]
    hurried: Annotated[int, Meta(description="Those with pairs that took too little time, and are left out.")]
    estimate: RunEstimate | None
    forecast: (
        Annotated[
            RunForecast, Meta(description="Of a run on all clicks from the live version; null with too few clicks.")
        ]
        | None
    )
    summary: str
    duration: str


_Point = Annotated[list[float], Meta(min_length=2, max_length=2, description="Step and value.")]


class RunCurve(Struct):
    """The points of one metric of a run."""

    run: int
    name: str
    names: list[str]
    points: list[_Point]


class RunCurves(Struct):
    """The points of all metrics of a run."""

    run: int
    last: Annotated[int, Meta(description="Of the latest value, after which the events of the run may be followed.")]
    curves: dict[str, list[_Point]]
