"""Files brought into the studio: looked at first, then stored, batch by batch, however large they are.

A row that cannot be used is reported with its line and the others are kept. Everything may be repeated: texts that wait
already are duplicates, and a judgment that was imported before is not imported again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta
from sqlalchemy.orm import Session

from app.db import write_transaction
from app.errors import Invalid
from app.schemas.reading import read
from app.services.exchange import imported_judgments
from app.services.exchange.imported_judgments import JudgedRow
from app.services.exchange.incoming import history
from app.services.exchange.mapping import (
    ColumnMapping,
    Found,
    MappingSent,
    guess,
    judged_rows,
    look,
    parse_header,
    prompt_row,
)
from app.services.exchange.rows import LAYOUTS, FileRow, RowFile
from app.services.prompts import metadata, prompts
from app.services.prompts.changes import Overlap, Priority
from app.services.prompts.prompts import CheckedRow, ImportReport
from app.services.system import audit
from models.formats.detect import SAMPLED
from models.formats.files.column_names import OPTION_NAMES
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


class ImportWish(MappingSent, frozen=True):
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
class Wish:
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
    file_name: str = ""

    @classmethod
    def parse(cls, values: Mapping[str, Any], name: str) -> Wish:
        """A wish from a JSON object, for a file called `name`; raises Invalid about the first value that is wrong."""
        return cls.of(read(ImportWish, values), name)

    @classmethod
    def of(cls, sent: ImportWish, name: str) -> Wish:
        """The wish that was sent for a file called `name`."""
        return cls(
            ColumnMapping.of(sent),
            sent.source or name,
            sent.priority_of_all or 0,
            sent.overlap_of_all,
            sent.queue,
            sent.judgments,
            name,
        )


@dataclass
class Preview:
    """What an import would do, by the first `LOOKED_AT` rows; `complete` if there are no others."""

    mapping: ColumnMapping
    found: Found
    rows: int = 0
    usable: int = 0
    repeated: int = 0
    known: int = 0
    gold: int = 0
    judgments: int = 0
    bad: int = 0
    complete: bool = True
    problems: list[dict[str, Any]] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)

    def note(self, report: ImportReport) -> None:
        """Count what a row is refused for, and keep the first reasons."""
        self.bad += report.rejected_count
        if len(self.problems) < _SHOWN_PROBLEMS:
            self.problems += report.rejected

    def beside(self) -> list[str]:
        """The fields that are kept as metadata, or left out."""
        return [name for name in self.found.beside if name not in self.mapping.columns]

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        counts = asdict(replace(self, sample=[], problems=[]))
        del counts["found"]["likely"]
        counts["found"]["beside"] = self.beside()
        return counts | {"mapping": self.mapping.as_json(), "sample": self.sample, "problems": self.problems}


@dataclass(frozen=True)
class Progress:
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

    `wished` names a layout, whether the first line is a header, columns, and those to leave out; what it does not name
    is guessed.
    """
    layout = str(wished.get("layout") or "")
    if layout and layout not in LAYOUTS:
        raise Invalid(f"layout must be one of {', '.join(LAYOUTS)}.")
    given = parse_header(wished)
    file = RowFile(path, layout, given)
    layout, header = file.layout, file.header() if given is None else given
    found = look(list(islice(file.rows(), SAMPLED)))
    mapping = guess(found, layout, header)
    if any(name in wished for name in ("text", "leave_out", *OPTION_NAMES)):
        mapping = ColumnMapping.parse({**mapping.as_json(), **wished, "layout": layout, "header": header})
    made = Preview(mapping, found)
    rows = RowFile(path, layout, header).rows()
    _count(session, islice(rows, LOOKED_AT), made, longest)
    made.complete = next(rows, None) is None
    return made


def run(session: Session, user_id: int | None, path: Path, wish: Wish, longest: int) -> Iterator[Progress]:
    """Store the file, one transaction a batch, and tell after each where it stands.

    `user_id` is None for whoever sits at the machine, to whom no judgments are ascribed. Raises Malformed where the
    file breaks off; what came before is stored by then.
    """
    file = RowFile(path, wish.mapping.layout, wish.mapping.header)
    found = look(list(islice(RowFile(path, wish.mapping.layout, wish.mapping.header).rows(), SAMPLED)))
    report, count = ImportReport(), 0
    rows = file.rows()
    import_id = history.begin(session, user_id, wish.file_name, wish.source)
    try:
        while batch := list(islice(rows, prompts.BATCH)):
            count += len(batch)
            _store(session, user_id, import_id, batch, wish, found, longest, report)
            yield Progress(file.fraction, count, report)
    finally:  # also when the file breaks off, or whoever asked goes away: what is stored is stored
        with write_transaction(session):
            audit.record(
                session,
                user_id,
                "prompts.imported",
                wish.source,
                added=report.added,
                rejected=report.rejected_count,
                judgments=report.judgments,
            )
    yield Progress(1.0, count, report, done=True)


def _count(session: Session, rows: Iterable[FileRow], made: Preview, longest: int) -> None:
    seen: set[str] = set()
    waiting: list[str] = []
    for row in rows:
        made.rows += 1
        report = ImportReport()
        checked = _checked(row, made.mapping, made.found, longest, report)
        if checked is None:
            made.note(report)
            continue
        made.usable += 1
        made.gold += checked.gold is not None
        judged = _judged(row, checked.text, made.found, longest, report) if made.found.judged else None
        made.judgments += judged is not None
        made.note(report)
        if len(made.sample) < _SHOWN_ROWS:
            made.sample.append(asdict(checked) | {"chosen": list(judged.chosen) if judged else []})
        digest = prompts.digest_of(checked.text)
        made.repeated += digest in seen
        if digest not in seen:
            seen.add(digest)
            waiting.append(checked.text)
    for start in range(0, len(waiting), prompts.BATCH):
        known = prompts.by_text(session, waiting[start : start + prompts.BATCH]).values()
        made.known += sum(prompt.queued for prompt in known)


def _store(
    session: Session,
    user_id: int | None,
    import_id: int,
    batch: list[FileRow],
    wish: Wish,
    found: Found,
    longest: int,
    report: ImportReport,
) -> None:
    checked = []
    judged: list[JudgedRow] = []
    for row in batch:
        one = _checked(row, wish.mapping, found, longest, report, wish.priority)
        if one is None:
            continue
        checked.append(replace(one, overlap=one.overlap or wish.overlap))
        if wish.judgments and found.judged:
            choice = _judged(row, one.text, found, longest, report)
            judged += [choice] if choice else []
    with write_transaction(session):
        known = prompts.store_batch(session, checked, wish.source, report, import_id) if wish.queue else {}
        if user_id is not None:
            report.judgments += imported_judgments.store(session, user_id, judged, wish.source, known, import_id)
        if not wish.queue:
            prompts.keep_metadata_of(session, checked, report)
        history.count(session, import_id, report)
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
        try:
            metadata.check(raw.metadata)
        except Invalid as refusal:  # the text is worth more than what stands beside it
            report.refuse(row.line, f"{refusal} It is not kept.")
            raw = replace(raw, metadata=None)
        return prompts.check_row(replace(raw, priority=priority) if prompts.is_nothing(raw.priority) else raw, longest)
    except BadRow as reason:
        report.refuse(row.line, f"The row cannot be read: {reason}.")
    except Invalid as refusal:
        report.refuse(row.line, str(refusal))
    return None


def _judged(row: FileRow, text: str, found: Found, longest: int, report: ImportReport) -> JudgedRow | None:
    """The choice that a row holds, None if it holds none that can be used: the report says why."""
    try:
        pairs = judged_rows(row.value, text, found.format)
        chosen = dict.fromkeys(prompts.check_text(pair["chosen"], longest) for pair in pairs)
        rejected = dict.fromkeys(prompts.check_text(pair["rejected"], longest) for pair in pairs)
    except (BadRow, Invalid) as refusal:
        report.refuse(row.line, f"Its judgment cannot be taken over: {str(refusal).rstrip('.')}.")
        return None
    losers = tuple(one for one in rejected if one not in chosen)
    if chosen and losers:
        return JudgedRow(text, tuple(chosen), losers)
    report.refuse(row.line, "Its judgment cannot be taken over: no answer is better than another.")
    return None
