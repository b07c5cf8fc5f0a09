"""Files of sentence pairs: what a model reads and what it should answer, in any layout that has rows.

A row is a source and one or more references, as in ParaDetox (Logacheva et al. 2022), whose sources have up to three
rewrites. Which columns hold them is told by the header, or else they are the first two. No row is dropped
silently: one that cannot be used comes out as a `Problem` with its line and the reason.

The web reads uploads with this and the worker trains and evaluates on it, so nothing here knows torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.formats.files.pair_columns import Columns, Layout, layout_of, table_layout
from models.formats.files.problems import IS_UNSTORABLE, KEPT_PROBLEMS, UNSTORABLE, Problem, complaint, report
from models.formats.files.raw_rows import NOT_UTF8, RawRow
from models.formats.files.row_reader import TABLES, RowReader
from models.model_errors import DataFileError, PairFileError

EXTENSIONS: Mapping[str, str] = {
    "tsv": "tsv",
    "txt": "tsv",
    "csv": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "data": "data",  # a workbook, say: only its content tells what it is
}
"""The kind of a file of pairs, by the extension that it came with."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """One usable row: its line in the file, the source, and at least one reference, all without outer white space."""

    line: int
    source: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class PairFile:
    """Content of a file of pairs: `rows` are the usable ones; `notes` say how the file was understood.

    `problems` are the first `KEPT_PROBLEMS` of the other rows, `problem_count` says how many there are in all.
    """

    rows: tuple[PairRow, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    problem_count: int = 0

    @property
    def row_count(self) -> int:
        """All rows, the unusable ones too, without the header and blank lines."""
        return len(self.rows) + self.problem_count

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """A (source, reference) for each reference, in the order of the file, repeated ones too."""
        return [(row.source, reference) for row in self.rows for reference in row.references]

    @cached_property
    def unique_pairs(self) -> dict[tuple[str, str], int]:
        """The pairs, each once, in the order of the file, with the line where it first stands."""
        lines: dict[tuple[str, str], int] = {}
        for row in self.rows:
            for reference in row.references:
                lines.setdefault((row.source, reference), row.line)
        return lines

    @property
    def duplicates(self) -> int:
        """Return the number of pairs that repeat an earlier one."""
        return len(self.pairs) - len(self.unique_pairs)

    def by_source(self) -> dict[str, list[str]]:
        """Every source with its different references, in the order of the file."""
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for source, reference in self.pairs:
            found[source][reference] = None
        return {source: list(references) for source, references in found.items()}

    def problem_report(self, most: int = 20) -> str:
        """One sentence on the rows that are left out, with their lines by reason; empty if there are none.

        Names the first `most` lines and counts the others.
        """
        return report(self.problems, self.problem_count, self.row_count, most)

    def check_usable(self) -> None:
        """Raise `PairFileError` if there is no usable row, or more than half of all rows are bad."""
        why = complaint(self.problem_report(), self.problem_count, self.row_count, "pairs")
        if why:
            raise PairFileError(why)


def read_pair_file(path: Path, columns: Columns | None = None) -> PairFile:
    """Return the pairs of the file at `path`, whose content tells its format; OSError if it cannot be read.

    Raises `PairFileError` as `read_pairs_from` does. A file with bad rows is returned: `check_usable` judges it.
    """
    return read_pairs_from(path.read_bytes(), path.name, columns)


def read_pairs_from(body: bytes, name: str, columns: Columns | None = None, *, unpacked: int | None = None) -> PairFile:
    """Return the pairs in the content `body` of a file called `name`, which may unpack to so many bytes.

    Raises `PairFileError`, with one sentence, for a text that is not UTF-8, a file that holds no rows of text at all,
    or a header without the columns that were asked for.
    """
    notes: list[str] = []
    try:
        reader = RowReader(body, name, unpacked=unpacked)
        if reader.layout == "lines":
            reader = RowReader(body, name, "tsv", unpacked=unpacked)
        return _collect(parse_pairs(reader, columns or Columns(), notes), notes)
    except PairFileError:
        raise
    except DataFileError as error:
        raise PairFileError(str(error)) from None


def read_pairs_of(examples: Iterable[Mapping[str, object]], columns: Columns | None = None) -> PairFile:
    """The pairs of a dataset's rows, each a mapping by column name; a problem's line is the row's number from 1."""
    rows = (RawRow(number, dict(example)) for number, example in enumerate(examples, start=1))
    return _collect(pairs_of_rows(rows, columns or Columns()), ())


def parse_pairs(reader: RowReader, columns: Columns, notes: list[str]) -> Iterator[PairRow | Problem]:
    """Yield every row of a file, usable or not; `notes` gets how it was understood. Raises `DataFileError`."""
    rows = map(checked_utf8, reader.cells())
    if reader.layout not in TABLES:
        yield from pairs_of_rows(rows, columns)
        return
    layout = None
    for row in rows:
        if layout is None and not row.problem and isinstance(row.cells, list):
            notes.extend(reader.notes)
            layout, is_header = table_layout(row.cells, columns, notes)
            if is_header:
                continue
        yield _pair_row(row, layout or Layout((), ()))


def checked_utf8(row: RawRow) -> RawRow:
    """Return the row; raises `DataFileError`, which names its line, if it is not UTF-8.

    The rows that hold other letters are no chance sample, so that a model is not to be trained on the rest.
    """
    if row.problem.startswith(NOT_UTF8):
        raise DataFileError(f"Line {row.line}{row.problem.removeprefix('the row')}.")
    return row


def pairs_of_rows(rows: Iterable[RawRow], columns: Columns) -> Iterator[PairRow | Problem]:
    """Every row, usable or not, by the keys that it has itself."""
    return (_pair_row(row, Layout((), ()) if row.problem else layout_of(row.cells, columns)) for row in rows)


def _collect(rows: Iterable[PairRow | Problem], notes: Sequence[str]) -> PairFile:
    good: list[PairRow] = []
    bad: list[Problem] = []
    bad_count = 0
    for row in rows:
        if isinstance(row, PairRow):
            good.append(row)
            continue
        bad_count += 1
        if bad_count <= KEPT_PROBLEMS:
            bad.append(row)
    return PairFile(tuple(good), tuple(bad), tuple(notes), bad_count)


def _pair_row(raw: RawRow, layout: Layout) -> PairRow | Problem:
    """The row as a pair, or why it is none."""
    texts = _sides(raw, layout)
    return Problem(raw.line, texts) if isinstance(texts, str) else PairRow(raw.line, *texts)


def _sides(raw: RawRow, layout: Layout) -> tuple[str, tuple[str, ...]] | str:
    """The source and the references of a row, or why it has none."""
    if raw.problem or layout.problem:
        return raw.problem or layout.problem
    if isinstance(raw.cells, str):
        return "the row is a text alone"
    values: dict[int | str, object]
    if isinstance(raw.cells, list):
        width = len(raw.cells)
        needed = max(*layout.sources, min(layout.targets)) if layout.width else 0
        if width > layout.width or (isinstance(needed, int) and width <= needed):
            return f"{width} column{'s' if width > 1 else ''} instead of {layout.width}"
        values = dict(enumerate(raw.cells))
    else:
        values = {}
        values.update(raw.cells)
    sources, problem = _texts(values, layout.sources)
    targets, target_problem = _texts(values, layout.targets)
    if problem or target_problem:
        return problem or target_problem
    if not sources:
        return "the source is empty"
    if not targets:
        return "the target is empty"
    return "\n\n".join(sources), tuple(targets)


def _texts(values: Mapping[int | str, object], places: Sequence[int | str]) -> tuple[list[str], str]:
    """The texts at `places` that are not empty, or why one is none; a list of texts counts as several."""
    texts: list[str] = []
    for place in places:
        value = values.get(place)
        for text in value if isinstance(value, list) else [value]:
            if text is None:
                continue
            if not isinstance(text, str):
                return [], f"{place} is not a text"
            if UNSTORABLE.search(text):
                return [], IS_UNSTORABLE
            texts.append(text.strip())
    return [text for text in texts if text], ""
