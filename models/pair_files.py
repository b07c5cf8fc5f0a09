"""Files of sentence pairs: what a model reads and what it should answer, as TSV, CSV or JSON Lines.

A row is a source and one or more references, as in ParaDetox (Logacheva et al. 2022), whose sources have up to three
rewrites. Which columns hold them is told by the header: one of `FORMS`, or else the first two. No row is dropped
silently: one that cannot be used comes out as a `Problem` with its line and the reason.

The web reads uploads with this and the worker trains and evaluates on it, so nothing here knows torch.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from models.errors import PairFileError
from models.pair_rows import Cells, RawRow, decode, json_rows, table_rows

FORMS: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = (
    (("source",), ("target", "rewrite", "reference")),
    (("toxic",), ("neutral",)),
    (("en_toxic_comment",), ("en_neutral_comment",)),
    (("prompt",), ("completion",)),
    (("instruction", "input"), ("output",)),
    (("input",), ("output",)),
    (("text",), ("rewrite",)),
)
"""The headers that are known: source columns, and the names that a target column may have. A target may be numbered
(`neutral1`, `neutral2`): each is a reference. The parts of an instruction are joined by an empty line."""

EXTENSIONS: Mapping[str, str] = {"tsv": "tsv", "txt": "tsv", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}
MOST_BAD = 0.5
"""A file of which more than this share of the rows cannot be used is refused: it is not what was meant."""
DEV_SPLIT = 20
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Columns:
    """Which columns to read, by their names in the header; an empty name means that the header tells."""

    source: str = ""
    target: str = ""


@dataclass(frozen=True)
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
    """What a file holds. `rows` are the usable ones, `problems` the others; `notes` say how the file was understood."""

    rows: tuple[PairRow, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def row_count(self) -> int:
        """All rows, the unusable ones too, without the header and blank lines."""
        return len(self.rows) + len(self.problems)

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
        if not self.problems:
            return ""
        shown = self.problems[:most]
        lines: defaultdict[str, list[int]] = defaultdict(list)
        for problem in shown:
            lines[problem.reason].append(problem.line)
        listed = "; ".join(
            f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} ({reason})"
            for reason, numbers in lines.items()
        )
        rest = len(self.problems) - len(shown)
        more = f"; and {rest:,} more" if rest else ""
        verb = "was" if len(self.problems) == 1 else "were"
        return f"{len(self.problems):,} of {self.row_count:,} rows {verb} left out: {listed}{more}."

    def check_usable(self) -> None:
        """Raise `PairFileError` if there is no usable row, or more than half of all rows are bad."""
        if not self.row_count:
            raise PairFileError("The file holds no pairs.")
        if len(self.problems) > MOST_BAD * self.row_count:
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
        return _collect(((row, _layout_of(row.cells, columns)) for row in json_rows(text)), ())
    rows, note = table_rows(text, kind)
    notes = [note] if note else []
    if not rows:
        return PairFile((), (), tuple(notes))
    header = rows[0].cells if isinstance(rows[0].cells, list) else []
    layout, has_header = _table_layout(header, columns, notes)
    return _collect(((row, layout) for row in rows[has_header:]), notes)


def read_pairs_of(examples: Iterable[Mapping[str, object]], columns: Columns | None = None) -> PairFile:
    """The pairs of a dataset's rows, each a mapping by column name; a problem's line is the row's number from 1."""
    wanted = columns or Columns()
    rows = (RawRow(number, dict(example)) for number, example in enumerate(examples, start=1))
    return _collect(((row, _layout_of(row.cells, wanted)) for row in rows), ())


def in_dev(source: str, split: int = DEV_SPLIT) -> bool:
    """Whether a source belongs to the dev share, one in `split` (none if 0): by its hash, so for good.

    By source and never by row, so that no rewrite of a held-out sentence is ever trained on.
    """
    digest = hashlib.sha1(source.strip().encode(), usedforsecurity=False).hexdigest()
    return split > 0 and int(digest, 16) % split == 0


@dataclass(frozen=True)
class _Layout:
    """Where a row has its texts: indices of a list, or keys of an object. `width` is a table's number of columns."""

    sources: tuple[int | str, ...]
    targets: tuple[int | str, ...]
    width: int = 0
    problem: str = ""


def _table_layout(header: Sequence[str], columns: Columns, notes: list[str]) -> tuple[_Layout, bool]:
    """Where a table has its texts, and whether its first row is a header."""
    found = _find(header, columns)
    names = [_plain(name) for name in header]
    if found is not None:
        places = [tuple(names.index(name) for name in side) for side in found]
        return _Layout(places[0], places[1], len(header)), True
    if columns.source or columns.target:
        raise PairFileError(_missing(columns, header))
    if len(header) < 2:
        raise PairFileError("Line 1 has one column: a file of pairs has two or more, or one object a line in .jsonl.")
    is_header = all(re.fullmatch(r"\w+", name) for name in names)
    first = f"line 1 is read as their header ({', '.join(header)[:200]})" if is_header else "line 1 is read as a pair"
    notes.append(f"No known column names were found, so the first two columns are source and target; {first}.")
    return _Layout((0,), (1,), len(header)), is_header


def _layout_of(cells: Cells, columns: Columns) -> _Layout:
    """Where a JSON row has its texts."""
    if isinstance(cells, list):
        return _Layout((0,), (1,), 2)
    keys = {_plain(key): key for key in cells}
    found = _find(list(cells), columns)
    if found is None:
        return _Layout((), (), problem=_missing(columns, list(cells)).rstrip("."))
    return _Layout(tuple(keys[name] for name in found[0]), tuple(keys[name] for name in found[1]))


def _find(header: Sequence[str], columns: Columns) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The names of the source and target columns in `header`, or None if it does not have both."""
    names = [_plain(name) for name in header]
    for sources, targets in FORMS:
        if columns.source:
            sources = (_plain(columns.source),)
        wanted = [_plain(columns.target)] if columns.target else targets
        found = next((hits for name in wanted if (hits := _numbered(names, name))), ())
        if found and all(name in names for name in sources):
            return sources, found
    return None


def _numbered(names: Sequence[str], name: str) -> tuple[str, ...]:
    """The column `name`, or else the columns `name1`, `name2` …"""
    if name in names:
        return (name,)
    return tuple(other for other in names if re.fullmatch(re.escape(name) + r"_?\d+", other))


def _plain(name: str) -> str:
    return name.strip().casefold()


def _missing(columns: Columns, header: Sequence[str]) -> str:
    has = f"the columns are {', '.join(map(str, header))[:200] or 'none'}"
    if columns.source or columns.target:
        return f"There is no source column {columns.source or 'of a known name'} with a target column " + (
            f"{columns.target or 'of a known name'}: {has}."
        )
    return f"There is no known pair of columns, such as source and target: {has}."


def _collect(rows: Iterable[tuple[RawRow, _Layout]], notes: Sequence[str]) -> PairFile:
    good, bad = [], []
    for raw, layout in rows:
        made = _pair_row(raw, layout)
        if isinstance(made, PairRow):
            good.append(made)
        else:
            bad.append(Problem(raw.line, made))
    return PairFile(tuple(good), tuple(bad), tuple(notes))


def _pair_row(raw: RawRow, layout: _Layout) -> PairRow | str:
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
