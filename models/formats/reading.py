"""Reading files of training data: any format, any kind of row, and not one row lost without a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.formats.catalog import FORMATS, PROMPT
from models.formats.convert import MAKES, NOUNS, sole_prompts, to_kind
from models.formats.detect import AUTO, PAIRS, check_name, detect
from models.formats.files.pair_columns import Columns
from models.formats.files.pair_files import PairRow, checked_utf8, pairs_of_rows, parse_pairs
from models.formats.files.problems import KEPT_PROBLEMS, Problem
from models.formats.files.raw_rows import RawRow, row_of
from models.formats.files.row_reader import TABLES, RowReader
from models.formats.rows import BadRow, Fields, Kind, Row, RowFile, row_key, text
from models.formats.schemas.ranking import RANKINGS
from models.model_errors import DataFileError

_PAIR_COLUMNS = ("source", "target")

Found = tuple[int, list[Row] | str]
"""What a row of the file holds: the line where it begins, and rows of any kind or why it has none."""


@dataclass(frozen=True)
class _Wanted:
    """What is asked of a file; see `read_rows`."""

    kind: Kind | None
    ranking: str
    columns: Mapping[str, str]
    format: str

    @property
    def pair_columns(self) -> Columns:
        return Columns(*(self.columns.get(name, "") for name in _PAIR_COLUMNS))

    @property
    def is_pairs(self) -> bool:
        """Whether pairs are asked for, by the format or by naming their columns."""
        return self.format == PAIRS or (self.format == AUTO and any(name in self.columns for name in _PAIR_COLUMNS))


def read_rows(
    path: Path,
    kind: Kind | None = None,
    *,
    ranking: str = "best-vs-rest",
    columns: Mapping[str, str] | None = None,
    format: str = AUTO,
) -> RowFile:
    """Return the rows of `kind` in the file at `path`, whose content tells how to read it.

    Raises OSError if it cannot be read.

    Without a kind, the rows of the kind that the file holds.

    `format` is a name of `FORMAT_NAMES`, found in the rows unless named. `columns` maps the names of fields to those
    that the file has for them, such as `{"prompt": "question"}`. `ranking` says which pairs are made of ranked answers.

    Raises `DataFileError`, with one sentence, if the file as a whole cannot be understood. A file with bad rows is
    returned: `RowFile.check_usable` judges it.
    """
    return _read(path, path.name, _wish(kind, ranking, columns, format))


def rows_from(
    body: bytes,
    name: str,
    kind: Kind | None = None,
    *,
    ranking: str = "best-vs-rest",
    columns: Mapping[str, str] | None = None,
    format: str = AUTO,
) -> RowFile:
    """Return the rows in the content `body` of a file called `name`; as `read_rows` otherwise."""
    return _read(body, name, _wish(kind, ranking, columns, format))


def rows_of(
    objects: Iterable[Mapping[str, object]],
    kind: Kind | None = None,
    *,
    ranking: str = "best-vs-rest",
    columns: Mapping[str, str] | None = None,
    format: str = AUTO,
) -> RowFile:
    """The rows in a dataset's rows, each a mapping by column name; a problem's line is the row's number from 1."""
    rows = [row_of(number, dict(one)) for number, one in enumerate(objects, start=1)]
    return _read_objects(rows, _wish(kind, ranking, columns, format))


def _read(content: Path | bytes, name: str, wish: _Wanted) -> RowFile:
    reader = RowReader(content, name)
    prompts_alone = wish.kind is Kind.PROMPT and wish.format in (AUTO, PROMPT.name)
    if prompts_alone and (reader.layout == "lines" or name.casefold().endswith(".txt")):
        lines = RowReader(content, name, "lines").cells()
        return _collect(map(_line_found, lines), PROMPT.name, wish, ["Each line is read as a prompt."])
    if reader.layout == "lines":
        reader = RowReader(content, name, "tsv")
    if reader.layout in TABLES:
        return _read_table(reader, wish)
    return _read_objects(list(map(checked_utf8, reader.cells())), wish)


def _wish(kind: Kind | None, ranking: str, columns: Mapping[str, str] | None, format: str) -> _Wanted:
    check_name(format)
    if ranking not in RANKINGS:
        raise DataFileError(f"There is no ranking {ranking}: it is one of {', '.join(RANKINGS)}.")
    return _Wanted(None if kind is None else Kind(kind), ranking, columns or {}, format)


def _read_objects(rows: list[RawRow], wish: _Wanted) -> RowFile:
    sampled = [_fields(row.cells, wish) for row in rows if isinstance(row.cells, dict) and not row.problem]
    _check_columns(sampled, rows, wish)
    name = _format_name(sampled, wish)
    if name != PAIRS:
        return _collect((_found(row, name, wish) for row in rows), name, wish, [])
    return _collect(map(_pair_found, pairs_of_rows(rows, wish.pair_columns)), PAIRS, wish, [_PAIRS_NOTE])


def _read_table(reader: RowReader, wish: _Wanted) -> RowFile:
    """The rows of a table: pairs as models.formats.files reads them, unless its header is that of another format."""
    rows = list(map(checked_utf8, reader.cells()))
    first = next((row for row in rows if not row.problem), None)
    header = first.cells if first and isinstance(first.cells, list) else []
    objects = [_object(row, header) for row in rows if row is not first]
    sampled = [_fields(row.cells, wish) for row in objects if isinstance(row.cells, dict) and not row.problem]
    name = wish.format if wish.format != AUTO else detect(sampled)
    if not name and sampled and not wish.is_pairs and wish.kind in _COMPARED:
        raise _unknown(sampled)  # two columns of any name are a text and its rewrite, but no judgment
    if wish.is_pairs or not name or name == PAIRS or (name == PROMPT.name and wish.kind is not Kind.PROMPT):
        notes: list[str] = []
        found = [_pair_found(row) for row in parse_pairs(reader, wish.pair_columns, notes)]
        return _collect(found, PAIRS, wish, [*notes, _PAIRS_NOTE])
    _check_columns(sampled, objects, wish)
    return _collect((_found(row, name, wish) for row in objects), name, wish, reader.notes)


_PAIRS_NOTE = "Of a pair, the rewrite is the chosen answer and the source itself the rejected one."


def _object(row: RawRow, header: list[str]) -> RawRow:
    """A row of a table as an object by the names in its header, without its empty cells."""
    if row.problem or not isinstance(row.cells, list):
        return row
    if len(row.cells) != len(header):
        width = len(row.cells)
        return RawRow(row.line, {}, f"{width} column{'s' if width > 1 else ''} instead of {len(header)}")
    return RawRow(row.line, {name: cell for name, cell in zip(header, row.cells, strict=True) if cell.strip()})


def _fields(cells: object, wish: _Wanted) -> Fields:
    """A row under the names that are known: those of `columns` by what they stand for, all in lower case."""
    given = cells.items() if isinstance(cells, dict) else ()
    fields = {str(name).strip().casefold(): value for name, value in given if value is not None}
    for name, column in wish.columns.items():
        value = fields.get(column.strip().casefold())
        fields.pop(name, None)
        if value is not None:
            fields[name] = value
    return fields


def _check_columns(sampled: list[Fields], rows: list[RawRow], wish: _Wanted) -> None:
    """Raise `DataFileError` if a column that was named is nowhere."""
    for name, column in wish.columns.items():
        if name in _PAIR_COLUMNS or not sampled or any(name in fields for fields in sampled):
            continue
        first = next(row.cells for row in rows if isinstance(row.cells, dict) and not row.problem)
        raise DataFileError(f"There is no column {column}: the columns are {', '.join(first)[:200] or 'none'}.")


def _format_name(sampled: list[Fields], wish: _Wanted) -> str:
    if wish.is_pairs:
        return PAIRS
    name = wish.format if wish.format != AUTO else detect(sampled)
    if name:
        return name
    if not sampled:
        return PAIRS  # lists of two texts, or nothing at all
    raise _unknown(sampled)


def _unknown(sampled: list[Fields]) -> DataFileError:
    has = ", ".join(sampled[0])[:200] or "none"
    return DataFileError(f"No format is known that has these fields: {has}. docs/data-formats.md shows those that are.")


def _found(row: RawRow, name: str, wish: _Wanted) -> Found:
    if row.problem:
        return row.line, row.problem
    if not isinstance(row.cells, dict):
        return row.line, f"the row is a {'text alone' if isinstance(row.cells, str) else 'list'}, not an object"
    fields = _fields(row.cells, wish)
    try:
        made = FORMATS[name].read(fields)
        if "objective" not in fields:
            return row.line, made
        objective = text(fields["objective"], "objective").strip()
        return row.line, [one | {"objective": objective} for one in made]
    except BadRow as reason:
        return row.line, str(reason)


def _pair_found(row: PairRow | Problem) -> Found:
    if isinstance(row, Problem):
        return row.line, row.reason
    return row.line, [{"prompt": row.source, "chosen": one, "rejected": row.source} for one in row.references]


def _line_found(row: RawRow) -> Found:
    line = row.cells.strip() if isinstance(row.cells, str) else ""
    try:
        return row.line, row.problem or [{"prompt": text(line, "prompt")}]
    except BadRow as reason:
        return row.line, str(reason)


def _collect(found: Iterable[Found], name: str, wish: _Wanted, notes: list[str]) -> RowFile:
    """The rows of the kind that is wished for, of all that was found."""
    stored = FORMATS[name].kind if name in FORMATS else Kind.PREFERENCE
    kind = wish.kind or stored
    if kind not in MAKES[stored]:
        raise DataFileError(
            f"The file is in the format {name} and holds {NOUNS[stored]}, of which {NOUNS[kind]} cannot be made."
        )
    collected = _Collected(kind, wish.ranking)
    for line, rows in found:
        collected.add(line, rows)
    return collected.file(name, notes)


class _Collected:
    """Rows and problems as they come."""

    def __init__(self, kind: Kind, ranking: str) -> None:
        self.kind = kind
        self.ranking = ranking
        self.rows: list[Row] = []
        self.lines: list[int] = []
        self.problems: list[Problem] = []
        self.problem_count = self.ties = self.unused = self.repeated = 0

    def add(self, line: int, found: list[Row] | str) -> None:
        """What one row of the file holds."""
        if isinstance(found, str):
            self._leave_out(line, found)
            return
        made: list[Row] = []
        answers = _unique(found)
        self.repeated += len(found) - len(answers)
        for one in answers:
            try:
                rows, ties = to_kind(one, self.kind, self.ranking)
            except BadRow as reason:
                self._leave_out(line, str(reason))
                continue
            self.ties += ties
            self.unused += not rows
            made += rows
        unique = _unique(made)
        self.repeated += (len(made) - len(unique)) if self.kind is Kind.PREFERENCE else 0
        self.rows += unique
        self.lines += [line] * len(unique)

    def file(self, name: str, notes: list[str]) -> RowFile:
        """All of it, with the notes on what was made of it."""
        said = [note for note in notes if note is not _PAIRS_NOTE or self.kind in _COMPARED]
        if self.ties:
            said.append(f"Pairs of answers with equal scores, of which nothing is learned: {self.ties:,}.")
        if self.unused:
            said.append(f"Answers labelled bad, which are not used as completions: {self.unused:,}.")
        if self.repeated:
            said.append(f"Answers that repeat one of the same row, and are used once: {self.repeated:,}.")
        places = list(range(len(self.rows)))
        if self.kind is Kind.PROMPT:
            places = sole_prompts(self.rows)
            if len(places) < len(self.rows):
                said.append(f"Rows whose prompt stands in an earlier row: {len(self.rows) - len(places):,}.")
        whole = RowFile(
            rows=tuple(self.rows),
            lines=tuple(self.lines),
            kind=self.kind,
            format=name,
            problems=tuple(self.problems),
            problem_count=self.problem_count,
            notes=tuple(said),
            ties=self.ties,
        )
        return whole.at(places) if len(places) < len(self.rows) else whole

    def _leave_out(self, line: int, reason: str) -> None:
        self.problem_count += 1
        if self.problem_count <= KEPT_PROBLEMS:
            self.problems.append(Problem(line, reason))


def _unique(rows: list[Row]) -> list[Row]:
    return rows if len(rows) < 2 else list({row_key(row): row for row in rows}.values())


_COMPARED = (Kind.PREFERENCE, Kind.UNPAIRED, Kind.RANKED)
