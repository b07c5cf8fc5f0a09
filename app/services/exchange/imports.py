"""Files brought into the studio: looked at first, then stored, batch by batch, however large they are.

A row that cannot be used is reported with its line and the others are kept. Everything may be repeated: texts that wait
already are duplicates, and a judgment that was imported before is not imported again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.db import ANSWERING, Prompt, task_of, write_transaction
from app.domain_errors import Invalid, Malformed
from app.schemas.kinds import ONE_OF
from app.services.exchange import imported_judgments
from app.services.exchange.gathered_judgments import Gathered
from app.services.exchange.imported_judgments import NOTHING, Before
from app.services.exchange.incoming import history
from app.services.exchange.incoming.import_plan import MOST_ROWS, ImportPlan
from app.services.exchange.incoming.looked_at_judgments import LookedAtJudgments
from app.services.exchange.incoming.part import Part
from app.services.exchange.mapping import (
    ColumnMapping,
    Found,
    guess,
    look,
    parse_header,
    prompt_row,
)
from app.services.exchange.rows import LAYOUTS, FileRow, RowFile
from app.services.prompts import metadata, prompts, queue_progress
from app.services.prompts.prompts import CheckedRow, ImportReport
from app.services.review import looking
from app.services.system import audit
from app.words import gettext, number
from models.formats.detect import SAMPLED
from models.formats.files.column_names import OPTION_NAMES
from models.formats.rows import BadRow

LOOKED_AT = 20_000
"""So many rows are read before an import is offered; the rest is read when it is stored."""
_SHOWN_ROWS = 6
_SHOWN_PROBLEMS = 100


@dataclass
class Preview:
    """The effect that an import would have, by the first `LOOKED_AT` rows; `complete` if there are no others.

    `judgments` counts all that people said, `judgments_known` what of it is here already, `people` those who are named.
    `bad` counts the rows that cannot be used and `unused` parts of other rows; `problems` has the first of both.
    `systems` counts the rows that bring a system message.
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
    unused: int = 0
    systems: int = 0
    complete: bool = True
    problems: list[dict[str, Any]] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)

    def beside(self) -> list[str]:
        """The fields that are kept as metadata, or left out."""
        return [name for name in self.found.beside if name not in self.mapping.columns]

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        counts = asdict(replace(self, sample=[], problems=[]))
        for name in ("likely", "answering", "talks"):
            del counts["found"][name]
        counts["found"] |= {"beside": self.beside(), "what": gettext(self.found.what) if self.found.what else ""}
        return counts | {"mapping": self.mapping.as_json(), "sample": self.sample, "problems": self.problems}


@dataclass(frozen=True)
class ImportState:
    """Where storing stands: the share of the file that is done, and what became of the rows so far."""

    fraction: float
    rows: int
    report: ImportReport
    done: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object; what cannot be used is listed at the end."""
        report = asdict(self.report)
        listed = report.pop("rejected")
        said = {"fraction": round(self.fraction, 4), "rows": self.rows, "done": self.done, **report}
        return said | {"rejected": listed} if self.done else said


def preview(session: Session, path: Path, wished: Mapping[str, object], longest: int) -> Preview:
    """Return the content of a file and the effect of its import, which stores nothing yet; raises Malformed or Invalid.

    `wished` names a layout, whether the first line is a header, columns, and those to leave out; what it does not name
    is guessed.
    """
    layout = str(wished.get("layout") or "")
    if layout and layout not in LAYOUTS:
        raise Invalid(gettext(ONE_OF).format(name="layout", choices=", ".join(LAYOUTS)))
    given = parse_header(wished)
    file = RowFile(path, layout, given)
    layout, header = file.layout, file.header() if given is None else given
    found = look(list(islice(file.rows(), SAMPLED)), answering=task_of(session) == ANSWERING)
    mapping = guess(found, layout, header)
    if any(name in wished for name in ("text", "leave_out", *OPTION_NAMES)):
        mapping = ColumnMapping.parse({**mapping.as_json(), **wished, "layout": layout, "header": header})
    made = Preview(mapping, found)
    rows = RowFile(path, layout, header).rows()
    _count(session, islice(rows, LOOKED_AT), made, longest)
    made.complete = next(rows, None) is None
    return made


def run(
    session: Session, user_id: int | None, path: Path, plan: ImportPlan, longest: int
) -> Generator[ImportState, None, None]:
    """Store the file, one transaction a batch, and tell after each where it stands.

    `user_id` is None for whoever sits at the machine, to whom no judgments are ascribed. Raises Malformed where the
    file breaks off; the batches before are stored by then, but for judgments whose rows might have gone on: half a
    judgment would keep the whole one from being stored when the import is repeated.
    """
    sampled = list(islice(RowFile(path, plan.mapping.layout, plan.mapping.header).rows(), SAMPLED))
    found = look(sampled, answering=task_of(session) == ANSWERING)
    part = (yield from _part(path, plan, found, longest)) if plan.rows else None
    file = RowFile(path, plan.mapping.layout, plan.mapping.header)
    import_id = history.begin(session, user_id, plan.file_name, plan.source)
    storing = _Storing(session, user_id, import_id, plan, found, longest, part)
    count = 0
    try:
        for count, batch in _batches(file):
            storing.store(batch)
            yield ImportState(file.fraction, count, storing.report)
            if part and part.complete:
                break
        storing.store_rest()
    finally:  # also when the file breaks off, or whoever asked goes away: what is stored is stored
        storing.record()
    looking.look(session)  # decisions of the file count at once
    yield ImportState(1.0, count, storing.report, done=True)


def _batches(file: RowFile) -> Iterator[tuple[int, list[FileRow]]]:
    """Yield the rows in batches, each with the number of rows so far; raises Malformed where there are too many."""
    count, rows = 0, file.rows()
    while batch := list(islice(rows, prompts.BATCH)):
        count += len(batch)
        if count > MOST_ROWS:
            raise Malformed(
                gettext(
                    "The file has more than %(most)s rows, of which the first are stored: split it.",
                    most=number(MOST_ROWS),
                )
            )
        yield count, batch


def _part(path: Path, plan: ImportPlan, found: Found, longest: int) -> Generator[ImportState, None, Part]:
    """Return the part of the file that is taken; to draw one, its rows are counted first."""
    wanted = plan.rows or 0
    if not plan.at_random:
        return Part.first(wanted)
    usable, unread = 0, ImportReport()
    for count, batch in _batches(RowFile(path, plan.mapping.layout, plan.mapping.header)):
        usable += sum(_checked(row, plan.mapping, found, longest, unread) is not None for row in batch)
        yield ImportState(0.0, count, ImportReport())
    return Part.drawn(wanted, usable)


def _count(session: Session, rows: Iterator[FileRow], made: Preview, longest: int) -> None:
    report = ImportReport()
    found = made.found
    gathered = Gathered(found.format, longest, report, found.answering) if found.judged else None
    judgments = LookedAtJudgments(session, report)
    seen: set[str] = set()
    while batch := list(islice(rows, prompts.BATCH)):
        waiting: set[str] = set()
        for row, checked in _usable(batch, made, longest, report):
            best = gathered.add(row, checked.text, _before(checked, found)) if gathered else []
            if len(made.sample) < _SHOWN_ROWS:
                made.sample.append(asdict(checked) | {"chosen": best})
            digest = checked.digest
            made.repeated += digest in seen or digest in waiting
            if digest not in seen:
                waiting.add(digest)
        seen.update(waiting)
        made.known += len(prompts.unchanged(session, prompts.by_digest(session, waiting).values()))
        if gathered:
            judgments.add(gathered.take())
    if gathered:
        judgments.add(gathered.take(rest=True))
    made.judgments, made.judgments_known, made.people = judgments.number, judgments.known, len(judgments.people)
    made.bad = report.rejected_count
    made.unused = report.unused_count
    made.problems = sorted(report.rejected, key=itemgetter("line"))[:_SHOWN_PROBLEMS]


def _usable(
    batch: Sequence[FileRow], made: Preview, longest: int, report: ImportReport
) -> Iterator[tuple[FileRow, CheckedRow]]:
    """Yield the rows that can be used, and count all of them."""
    for row in batch:
        made.rows += 1
        checked = _checked(row, made.mapping, made.found, longest, report)
        if checked is not None:
            made.usable += 1
            made.gold += checked.gold is not None
            made.systems += bool(_before(checked, made.found).system)
            yield row, checked


@dataclass
class _Storing:
    """An import that runs: what it stores, and what became of the rows so far.

    `late` are rows whose prompts come with judgments that are not whole yet, and whose metadata is kept then.
    """

    session: Session
    user_id: int | None
    import_id: int
    plan: ImportPlan
    found: Found
    longest: int
    part: Part | None = None
    report: ImportReport = field(default_factory=ImportReport)
    late: list[CheckedRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted = self.plan.judgments and self.found.judged and self.user_id is not None
        found = self.found
        self.gathered = Gathered(found.format, self.longest, self.report, found.answering) if wanted else None

    def store(self, batch: Iterable[FileRow]) -> None:
        """Store some rows, in a transaction; raises Conflict if the import was undone."""
        checked = []
        for row in batch:
            one = _checked(row, self.plan.mapping, self.found, self.longest, self.report, self.plan.priority)
            if one is None or (self.part and not self.part.takes()):
                continue
            checked.append(replace(one, overlap=one.overlap or self.plan.overlap))
            before = _before(one, self.found)
            self.report.systems += bool(before.system)
            if self.gathered:
                self.gathered.add(row, one.text, before)
        with write_transaction(self.session):
            known: Mapping[str, Prompt] = {}
            added = self.report.added
            if self.plan.queue:
                known = prompts.store_batch(self.session, checked, self.plan.source, self.report, self.import_id)
            self._take_over(known, [] if self.plan.queue else checked)
            if self.report.added > added:
                queue_progress.mark(self.session)
        self.session.expunge_all()

    def store_rest(self) -> None:
        """Store the judgments whose rows might have gone on, in a transaction; raises Conflict like `store`."""
        if self.gathered:
            with write_transaction(self.session):
                history.count(self.session, self.import_id, self.report)  # nothing is stored of what was undone
                self._take_over({}, [], rest=True)

    def record(self) -> None:
        """Count what was stored of the file to its end, or to where it broke off, and write it into the audit log."""
        self.report.rejected.sort(key=itemgetter("line"))
        with write_transaction(self.session):
            if self.plan.queue and self.gathered:
                self.report.judged = prompts.count_judged(self.session, self.import_id)
            audit.record(
                self.session,
                self.user_id,
                "prompts.imported",
                self.plan.source,
                added=self.report.added,
                rejected=self.report.rejected_count,
                judgments=self.report.judgments,
                **self.plan.taken,
            )

    def _take_over(self, known: Mapping[str, Prompt], told: Sequence[CheckedRow], rest: bool = False) -> None:
        """Add the judgments that are whole, and the metadata of the rows of which nothing was queued."""
        if self.gathered and self.user_id is not None:
            judged = self.gathered.take(rest)
            imported_judgments.take_over(
                self.session, self.user_id, judged, self.plan.source, known, self.report, self.import_id
            )
        left = prompts.keep_metadata_of(self.session, [*self.late, *told], self.report)
        waited_for = self.gathered.open_texts() if self.gathered else set()
        self.late = [row for row in left if row.text in waited_for]
        history.count(self.session, self.import_id, self.report)


def _before(row: CheckedRow, found: Found) -> Before:
    """Return what comes before the text of a row, which is nothing in a rewriting project."""
    return Before(row.turns, row.system) if found.answering else NOTHING


def _checked(
    row: FileRow, mapping: ColumnMapping, found: Found, longest: int, report: ImportReport, priority: int = 0
) -> CheckedRow | None:
    """The row to be stored, with that priority if it says nothing of its own; None if the report says why not."""
    if row.problem:
        report.refuse(row.line, row.problem)
        return None
    try:
        raw = prompt_row(row, mapping, found.format, answering=found.answering)
        if isinstance(raw.text, str) and any("\udc80" <= character <= "\udcff" for character in raw.text):
            raise Invalid(gettext("The row is not UTF-8 text: save the file as UTF-8."))
        try:
            metadata.check(raw.metadata)
        except Invalid as refusal:  # the text is worth more than what stands beside it
            report.leave_out(row.line, gettext("%(why)s It is not kept.", why=refusal))
            raw = replace(raw, metadata=None)
        return prompts.check_row(replace(raw, priority=priority) if prompts.is_nothing(raw.priority) else raw, longest)
    except BadRow as reason:
        report.refuse(row.line, gettext("The row cannot be read: %(why)s.", why=reason))
    except Invalid as refusal:
        report.refuse(row.line, str(refusal))
    return None
