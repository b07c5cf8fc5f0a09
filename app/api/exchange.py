"""Types of the API of imports and of judgments found."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from app.api.kinds import Anything, Count, Refused, Time
from app.db import Verdict
from app.schemas.kinds import Limit, RowId, YesNo
from app.schemas.reading import Sent
from app.services.exchange.mapping import ChosenLayout, Column
from app.services.exchange.uploads import LARGEST_OFFSET
from app.words import N_

LONGEST_FILE_NAME = 300
Bytes = Annotated[str, Meta(extra_json_schema={"format": "binary"})]
_Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_FILE_NAME,
        description="The file's name; its ending tells the layout.",
        extra={"refusal": N_("{name} must be the name of the file.")},
    ),
]
_Offset = Annotated[
    int,
    Meta(
        ge=0,
        le=LARGEST_OFFSET,
        description="Where the piece begins, in bytes.",
        extra={"refusal": N_("{name} must be a whole number that is not negative.")},
    ),
]
_NAME = r'"([^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,200}"'
_For = Annotated[Column, Meta(description="The column for it.")]
_LeftOut = Annotated[
    str,
    Meta(
        max_length=3_000,
        pattern=rf"^\[({_NAME}(,{_NAME})*)?\]$",
        description="The columns beside the text that are not kept, as a JSON list without white space.",
        extra={
            "refusal": N_("{name} must be a JSON list of columns, without white space, of at most 3,000 characters."),
        },
    ),
]


class UploadQuery(Sent, frozen=True):
    """A file that is sent."""

    name: _Name


class PieceQuery(Sent, frozen=True):
    """The next piece of a file."""

    offset: _Offset


class ImportQuery(Sent, frozen=True):
    """Options of a preview; what is left out is guessed."""

    layout: Annotated[ChosenLayout, Meta(description="How it is laid out.")] | None = None
    header: Annotated[YesNo, Meta(description="Whether its first line names the columns.")] | None = None
    text: _For | None = None
    priority: _For | None = None
    gold: _For | None = None
    gold_wrong: _For | None = None
    overlap: _For | None = None
    leave_out: _LeftOut | None = None

    def wished(self) -> dict[str, object]:
        """Return the options that are given, by their names."""
        given = {name: value for name, value in structs.asdict(self).items() if value is not None}
        return given if self.leave_out is None else given | {"leave_out": json.loads(self.leave_out)}


class Upload(Struct):
    """State of an upload."""

    id: str
    bytes: int


class Mapping(Struct):
    """Mapping of a file's columns."""

    layout: ChosenLayout
    header: bool
    text: str
    priority: str
    gold: str
    gold_wrong: str
    overlap: str
    leave_out: list[str]


class Found(Struct):
    """Findings from the first rows of a file."""

    columns: list[str]
    format: str
    what: str
    judged: bool
    beside: Annotated[list[str], Meta(description="Kept as metadata, but for those that the mapping leaves out.")]


class ImportPreview(Struct):
    """Preview of an import."""

    id: str
    name: str
    bytes: int
    mapping: Mapping
    found: Found
    rows: Annotated[int, Meta(description="Rows that were looked at; `complete` says whether that is all.")]
    usable: int
    repeated: int
    known: int
    gold: int
    judgments: Annotated[int, Meta(description="What people said in these rows, each for itself.")]
    judgments_known: Annotated[int, Meta(description="Those of the judgments that are here already.")]
    people: Annotated[int, Meta(description="Those whom the file names as having judged.")]
    bad: Annotated[int, Meta(description="Rows that cannot be used.")]
    unused: Annotated[int, Meta(description="Parts of other rows that cannot be used, such as their judgment.")]
    systems: Annotated[int, Meta(description="Rows of an answering project that bring a system message.")]
    complete: bool
    problems: Annotated[list[Refused], Meta(description="The first of what cannot be used.")]
    sample: list[Anything]


class ImportProgress(Struct):
    """One line of the answer of an import."""

    fraction: Annotated[float, Meta(ge=0, le=1)] = 0
    rows: int = 0
    added: Annotated[int, Meta(description="Put into the queue, with the `checks` and `judged` ones.")] = 0
    checks: Annotated[int, Meta(description="Of those added, attention checks.")] = 0
    judged: Annotated[int, Meta(description="Of those added, judged often enough, so that nobody is served them.")] = 0
    duplicates: int = 0
    judgments: int = 0
    judgments_known: int = 0
    rejected_count: int = 0
    unused_count: Annotated[int, Meta(description="Parts of other rows that cannot be used, such as a judgment.")] = 0
    systems: Annotated[int, Meta(description="Rows that bring a system message, which is kept as metadata.")] = 0
    rejected: Annotated[list[Refused], Meta(description="The first of the rows and parts that cannot be used.")] = []
    done: bool = False
    problem: Annotated[str, Meta(description="Why the import broke off; what came before is stored.")] = ""


class Who(Struct):
    """Who judged, or imported."""

    id: int
    name: str


class ImportPageQuery(Sent, frozen=True):
    """A page of the imports."""

    limit: Limit | None = None
    before: Annotated[RowId, Meta(description="Only ids below it.")] | None = None


class Import(Struct):
    """An import that was done: a file, who stored it, and what became of its rows."""

    id: int
    file_name: str
    source: str
    person: Annotated[Who, Meta(description="Null if it was done at the machine.")] | None
    added: Count
    duplicates: Count
    rejected: Count
    judgments: Count
    created_at: Time
    undone_at: Time | None


class ImportPage(Struct):
    """A page of imports."""

    imports: list[Import]
    before: int | None


class ImportUndone(Struct):
    """Result of undoing an import; of one that was undone before, zeros."""

    prompts: Annotated[Count, Meta(description="Left the queue.")]
    judgments: Annotated[Count, Meta(description="Were withdrawn.")]
    judged: Annotated[Count, Meta(description="Of its prompts, those that have judgments made here, which stay.")]


class JudgedPrompt(Struct):
    """Screen that was judged."""

    id: int
    text: str
    source: str


class JudgedCandidate(Struct):
    """A rewrite that was judged."""

    id: int
    text: str
    version: int | None
    best: bool
    place: Annotated[int, Meta(description="Its place in a ranking, counted from 1.")] | None
    rating: int | None
    tags: list[str]


class FoundJudgment(Struct):
    """A judgment with all that was on its screen."""

    id: int
    person: Who
    verdict: Verdict
    prompt: JudgedPrompt
    candidates: list[JudgedCandidate]
    comment: str | None
    edited_text: str | None
    reason: str | None
    flagged: bool
    gold: bool
    kind: Literal["opinion", "decision"]
    decided_by: Annotated[int | None, Meta(description="The decision of a reviewer that counts instead.")]
    right: Annotated[bool, Meta(description="Whether an attention check was passed.")] | None
    seconds: float | None
    created_at: Time
    undone_at: Time | None


class JudgmentPage(Struct):
    """A page of judgments."""

    judgments: list[FoundJudgment]
    before: int | None
