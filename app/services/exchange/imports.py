"""Files brought into the studio: looked at first, then stored, batch by batch, however large they are.

A row that cannot be used is reported with its line and the others are kept. Everything may be repeated: texts that wait
already are duplicates, and a judgment that was imported before is not imported again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta
from sqlalchemy.orm import Session

from app.db import write_transaction
from app.domain_errors import Invalid
from app.schemas.reading import read
from app.services.exchange import imported_judgments
from app.services.exchange.gathered_judgments import Gathered, people_of
from app.services.exchange.imported_judgments import JudgedRow
from app.services.exchange.mapping import (
    ColumnMapping,
    Found,
    MappingSent,
    guess,
    look,
    parse_header,
    prompt_row,
)
from app.services.exchange.rows import LAYOUTS, FileRow, RowFile
from app.services.prompts import prompts, queue_progress
from app.services.prompts.changes import Overlap, Priority
from app.services.prompts.prompts import CheckedRow, ImportReport
from app.services.system import audit
from models.formats.detect import SAMPLED
from models.formats.rows import BadRow

LOOKED_AT = 20_000
"""So many rows are read before an import is offered; the rest is read when it is stored."""
_SHOWN_ROWS = 6
_SHOWN_PROBLEMS = 100
_LONGEST_SOURCE = 200


_Source = Annotated[
    str,
    Meta(
        max_length=_LONGEST_SOURCE,
        pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
        extra={"refusal": f"source must be a text of at most {_LONGEST_SOURCE} characters in one line."},
    ),
]


class ImportRequest(MappingSent, frozen=True):
    """Request to store a file: its texts are queued, its judgments taken over, or both."""

    rules: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "anyOf": [
                {"properties": {"queue": {"const": True}}},
                {"properties": {"judgments": {"const": True}}, "required": ["judgments"]},
            ]
        },
    )

    source: _Source | None = None
    priority_of_all: Priority | None = None
    overlap_of_all: Overlap | None = None
    queue: bool = True
    judgments: bool = False

    def __post_init__(self) -> None:
        """Check that something is to be done; raises Invalid."""
        if not self.queue and not self.judgments:
            raise Invalid("Put the texts into the queue, or take over the judgments, or both.")


@dataclass(frozen=True)
class ImportPlan:
    """How a file is to be stored.

    `source` is where the prompts are said to come from. `priority` and `overlap` are for the rows that say nothing
    about them. `queue` puts the texts into the queue, `judgments` takes over the choices that the file holds.
    """

    mapping: ColumnMapping
    source: str
    priority: int = 0
    overlap: int | None = None
    queue: bool = True
    judgments: bool = False

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
        )


@dataclass
class Preview:
    """What an import would do, by the first `LOOKED_AT` rows; `complete` if there are no others.

    `judgments` counts all that people said, `judgments_known` what of it is here already, `people` those who are named.
    """

    mapping: ColumnMapping
    found: Found
    rows: int = 0
    usable: int = 0
    repeated: int = 0
    known: int = 0
    gold: int = 0
    judgments: int = 0
    judgments_known: int = 0
    people: int = 0
    bad: int = 0
    complete: bool = True
    problems: list[dict[str, Any]] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        counts = asdict(replace(self, sample=[], problems=[]))
        del counts["found"]["likely"]
        return counts | {"mapping": self.mapping.as_json(), "sample": self.sample, "problems": self.problems}


@dataclass(frozen=True)
class ImportState:
    """Where storing stands: the share of the file that is done, and what became of the rows so far."""

    fraction: float
    rows: int
    report: ImportReport
    done: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object; the rows that cannot be used are listed at the end."""
        report = asdict(self.report)
        listed = report.pop("rejected")
        said = {"fraction": round(self.fraction, 4), "rows": self.rows, "done": self.done, **report}
        return said | {"rejected": listed} if self.done else said


def preview(session: Session, path: Path, wished: Mapping[str, object], longest: int) -> Preview:
    """What is in the file and what an import would do, stored nowhere; raises Malformed or Invalid.

    `wished` names a layout, whether the first line is a header, and columns; what it leaves out is guessed.
    """
    layout = str(wished.get("layout") or "")
    if layout and layout not in LAYOUTS:
        raise Invalid(f"layout must be one of {', '.join(LAYOUTS)}.")
    given = parse_header(wished)
    file = RowFile(path, layout, given)
    layout, header = file.layout, file.header() if given is None else given
    found = look(list(islice(file.rows(), SAMPLED)))
    mapping = guess(found, layout, header)
    if any(name in wished for name in ("text", "priority", "gold", "gold_wrong", "overlap")):
        mapping = ColumnMapping.parse({**mapping.as_json(), **wished, "layout": layout, "header": header})
    made = Preview(mapping, found)
    rows = RowFile(path, layout, header).rows()
    _count(session, islice(rows, LOOKED_AT), made, longest)
    made.complete = next(rows, None) is None
    return made


def run(session: Session, user_id: int | None, path: Path, plan: ImportPlan, longest: int) -> Iterator[ImportState]:
    """Store the file, one transaction a batch, and tell after each where it stands.

    `user_id` is None for whoever sits at the machine, to whom no judgments are ascribed. Raises Malformed where the
    file breaks off; what came before is stored by then.
    """
    file = RowFile(path, plan.mapping.layout, plan.mapping.header)
    found = look(list(islice(RowFile(path, plan.mapping.layout, plan.mapping.header).rows(), SAMPLED)))
    report, count = ImportReport(), 0
    rows = file.rows()
    gathered = Gathered(found.format, longest, report) if plan.judgments and found.judged else None
    try:
        while batch := list(islice(rows, prompts.BATCH)):
            count += len(batch)
            _store(session, user_id, batch, plan, found, longest, report, gathered)
            yield ImportState(file.fraction, count, report)
    finally:  # also when the file breaks off, or whoever asked goes away: what is stored is stored
        with write_transaction(session):
            if gathered and user_id is not None:
                rest = gathered.take(rest=True)
                imported_judgments.take_over(session, user_id, rest, plan.source, {}, report)
            report.rejected.sort(key=itemgetter("line"))
            audit.record(
                session,
                user_id,
                "prompts.imported",
                plan.source,
                added=report.added,
                rejected=report.rejected_count,
                judgments=report.judgments,
            )
    yield ImportState(1.0, count, report, done=True)


def _count(session: Session, rows: Iterable[FileRow], made: Preview, longest: int) -> None:
    report = ImportReport()
    gathered = Gathered(made.found.format, longest, report) if made.found.judged else None
    seen: set[str] = set()
    waiting: list[str] = []
    for row in rows:
        made.rows += 1
        checked = _checked(row, made.mapping, made.found, longest, report)
        if checked is None:
            continue
        made.usable += 1
        made.gold += checked.gold is not None
        best = gathered.add(row, checked.text) if gathered else []
        if len(made.sample) < _SHOWN_ROWS:
            made.sample.append(asdict(checked) | {"chosen": best})
        digest = prompts.digest_of(checked.text)
        made.repeated += digest in seen
        if digest not in seen:
            seen.add(digest)
            waiting.append(checked.text)
    for start in range(0, len(waiting), prompts.BATCH):
        known = prompts.by_text(session, waiting[start : start + prompts.BATCH]).values()
        made.known += len(prompts.unchanged(session, known))
    if gathered:
        _count_judgments(session, gathered.take(rest=True), made, report)
    made.bad = report.rejected_count
    made.problems = sorted(report.rejected, key=itemgetter("line"))[:_SHOWN_PROBLEMS]


def _count_judgments(session: Session, judged: Sequence[JudgedRow], made: Preview, report: ImportReport) -> None:
    usable = imported_judgments.uncontradicted(session, judged, report)
    known = imported_judgments.known_keys(session, usable)
    made.judgments = len(usable)
    made.judgments_known = len(usable) - len({row.key for row in usable} - known)
    made.people = len(people_of(usable))


def _store(
    session: Session,
    user_id: int | None,
    batch: list[FileRow],
    plan: ImportPlan,
    found: Found,
    longest: int,
    report: ImportReport,
    gathered: Gathered | None,
) -> None:
    checked = []
    for row in batch:
        one = _checked(row, plan.mapping, found, longest, report, plan.priority)
        if one is None:
            continue
        checked.append(replace(one, overlap=one.overlap or plan.overlap))
        if gathered:
            gathered.add(row, one.text)
    with write_transaction(session):
        stored = prompts.store_batch(session, checked, plan.source, report) if plan.queue else prompts.StoredBatch()
        if gathered and user_id is not None:
            imported_judgments.take_over(session, user_id, gathered.take(), plan.source, stored.known, report)
        stored.note_judged(session, report)
        if stored.added:
            queue_progress.mark(session)
    session.expunge_all()


def _checked(
    row: FileRow, mapping: ColumnMapping, found: Found, longest: int, report: ImportReport, priority: int = 0
) -> CheckedRow | None:
    """The row to be stored, with that priority if it says nothing of its own; None if the report says why not."""
    if row.problem:
        report.refuse(row.line, row.problem)
        return None
    try:
        raw = prompt_row(row, mapping, found.format)
        if isinstance(raw.text, str) and any("\udc80" <= character <= "\udcff" for character in raw.text):
            raise Invalid("The row is not UTF-8 text: save the file as UTF-8.")
        return prompts.check_row(replace(raw, priority=priority) if prompts.is_nothing(raw.priority) else raw, longest)
    except BadRow as reason:
        report.refuse(row.line, f"The row cannot be read: {reason}.")
    except Invalid as refusal:
        report.refuse(row.line, str(refusal))
    return None
