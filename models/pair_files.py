"""Files of sentence pairs: what a model reads and what it should answer, as TSV, CSV or JSON Lines.

A row is a source and one or more references, as in ParaDetox (Logacheva et al. 2022), whose sources have up to three
rewrites. Which columns hold them is told by the header, or else they are the first two. No row is dropped
silently: one that cannot be used comes out as a `Problem` with its line and the reason.

The web reads uploads with this and the worker trains and evaluates on it, so nothing here knows torch.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.errors import PairFileError
from models.pair_columns import Columns, Layout, layout_of, table_layout
from models.pair_rows import RawRow, decode, json_rows, table_rows

EXTENSIONS: Mapping[str, str] = {"tsv": "tsv", "txt": "tsv", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}
KEPT_PROBLEMS = 1000
"""The first so many unusable rows are kept with their lines and reasons; the others are only counted."""
MOST_BAD = 0.5
"""A file of which more than this share of the rows cannot be used is refused: it is not what was meant."""
DEV_SPLIT = 20
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class PairRow:
    """One usable row: its line in the file, the source, and at least one reference, all without outer white space."""

    line: int
    source: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Why the row that begins on that line is left out."""

    line: int
    reason: str


@dataclass(frozen=True)
class PairFile:
    """What a file holds: `rows` are the usable ones; `notes` say how the file was understood.

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
        """How many pairs repeat an earlier one."""
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
        if not self.problem_count:
            return ""
        shown = self.problems[:most]
        lines: defaultdict[str, list[int]] = defaultdict(list)
        for problem in shown:
            lines[problem.reason].append(problem.line)
        listed = "; ".join(
            f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} ({reason})"
            for reason, numbers in lines.items()
        )
        rest = self.problem_count - len(shown)
        more = f"; and {rest:,} more" if rest else ""
        verb = "was" if self.problem_count == 1 else "were"
        return f"{self.problem_count:,} of {self.row_count:,} rows {verb} left out: {listed}{more}."

    def check_usable(self) -> None:
        """Raise `PairFileError` if there is no usable row, or more than half of all rows are bad."""
        if not self.row_count:
            raise PairFileError("The file holds no pairs.")
        if self.problem_count > MOST_BAD * self.row_count:
            raise PairFileError(f"More than half of the rows cannot be used. {self.problem_report()}")


def read_pair_file(path: Path, columns: Columns | None = None) -> PairFile:
    """The pairs of the file at `path`, whose extension tells its format; OSError if it cannot be read.

    Raises `PairFileError` as `read_pairs_from` does. A file with bad rows is returned: `check_usable` judges it.
    """
    return read_pairs_from(path.read_bytes(), path.name, columns)


def read_pairs_from(body: bytes, name: str, columns: Columns | None = None) -> PairFile:
    """The pairs in the content `body` of a file called `name`.

    Raises `PairFileError`, with one sentence, for an unknown extension, a text that is not UTF-8, a quote that is
    never closed, or a header without the columns that were asked for.
    """
    columns = columns or Columns()
    kind = EXTENSIONS.get(name.rpartition(".")[2].casefold() if "." in name else "")
    if kind is None:
        raise PairFileError(f"{name} must end in .tsv, .csv or .jsonl, which tells how to read it.")
    text = decode(body)
    if kind == "jsonl":
        return _collect(((row, layout_of(row.cells, columns)) for row in json_rows(text)), ())
    rows, note = table_rows(text, kind)
    notes = [note] if note else []
    first = next(rows, None)
    if first is None:
        return PairFile((), (), tuple(notes))
    header = first.cells if isinstance(first.cells, list) else []
    layout, has_header = table_layout(header, columns, notes)
    return _collect(((row, layout) for row in (rows if has_header else itertools.chain([first], rows))), notes)


def read_pairs_of(examples: Iterable[Mapping[str, object]], columns: Columns | None = None) -> PairFile:
    """The pairs of a dataset's rows, each a mapping by column name; a problem's line is the row's number from 1."""
    wanted = columns or Columns()
    rows = (RawRow(number, dict(example)) for number, example in enumerate(examples, start=1))
    return _collect(((row, layout_of(row.cells, wanted)) for row in rows), ())


def in_dev(source: str, split: int = DEV_SPLIT) -> bool:
    """Whether a source belongs to the dev share, one in `split` (none if 0): by its hash, so for good.

    By source and never by row, so that no rewrite of a held-out sentence is ever trained on.
    """
    digest = hashlib.sha1(source.strip().encode(), usedforsecurity=False).hexdigest()
    return split > 0 and int(digest, 16) % split == 0


def _collect(rows: Iterable[tuple[RawRow, Layout]], notes: Sequence[str]) -> PairFile:
    good: list[PairRow] = []
    bad: list[Problem] = []
    bad_count = 0
    for raw, layout in rows:
        made = _pair_row(raw, layout)
        if isinstance(made, PairRow):
            good.append(made)
            continue
        bad_count += 1
        if bad_count <= KEPT_PROBLEMS:
            bad.append(Problem(raw.line, made))
    return PairFile(tuple(good), tuple(bad), tuple(notes), bad_count)


def _pair_row(raw: RawRow, layout: Layout) -> PairRow | str:
    """The row as a pair, or why it is none."""
    if raw.problem or layout.problem:
        return raw.problem or layout.problem
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
    return PairRow(raw.line, "\n\n".join(sources), tuple(targets))


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
            if _UNSTORABLE.search(text):
                return [], "it holds characters that cannot be stored"
            texts.append(text.strip())
    return [text for text in texts if text], ""
