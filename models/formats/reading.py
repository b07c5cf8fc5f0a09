"""Reading files of training data: any format, any kind of row, and not one row lost without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.formats.annotations import Annotation, Record, pairs, read_origin
from models.formats.catalog import FORMATS, PROMPT
from models.formats.collected import COMPARED, PAIRS_NOTE, Collected, Found
from models.formats.convert import MAKES, NOUNS, WEIGHED
from models.formats.detect import AUTO, PAIRS, check_name, detect
from models.formats.files.pair_columns import Columns
from models.formats.files.pair_files import PairRow, checked_utf8, pairs_of_rows, parse_pairs
from models.formats.files.problems import Problem
from models.formats.files.raw_rows import RawRow, row_of
from models.formats.files.row_reader import TABLES, RowReader
from models.formats.rows import BadRow, Fields, Kind, Row, RowFile, messages_in, refuse_tools, text, text_or_messages
from models.formats.schemas.ranking import RANKINGS
from models.formats.schemas.trl import weight, with_known_names
from models.model_errors import DataFileError

_PAIR_COLUMNS = ("source", "target")


@dataclass(frozen=True)
class _Wanted:
    """Request to read a file; see `read_rows`."""

    kind: Kind | None
    ranking: str
    columns: Mapping[str, str]
    format: str

    @property
    def pair_columns(self) -> Columns:
        return Columns(*(self.columns.get(name, "") for name in _PAIR_COLUMNS))

    @property
    def is_pairs(self) -> bool:
        """Return whether pairs are asked for, by the format or by naming their columns."""
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
    return _read(path, path.name, _wanted(kind, ranking, columns, format))


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
    return _read(body, name, _wanted(kind, ranking, columns, format))


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
    return _read_objects(rows, _wanted(kind, ranking, columns, format))


def _read(content: Path | bytes, name: str, wanted: _Wanted) -> RowFile:
    reader = RowReader(content, name)
    prompts_alone = wanted.kind is Kind.PROMPT and wanted.format in (AUTO, PROMPT.name)
    if prompts_alone and (reader.layout == "lines" or name.casefold().endswith(".txt")):
        lines = RowReader(content, name, "lines").cells()
        return _collect(map(_line_found, lines), PROMPT.name, wanted, ["Each line is read as a prompt."])
    if reader.layout == "lines":
        reader = RowReader(content, name, "tsv")
    if reader.layout in TABLES:
        return _read_table(reader, wanted)
    return _read_objects(list(map(checked_utf8, reader.cells())), wanted)


def _wanted(kind: Kind | None, ranking: str, columns: Mapping[str, str] | None, format: str) -> _Wanted:
    check_name(format)
    if ranking not in RANKINGS:
        raise DataFileError(f"There is no ranking {ranking}: it is one of {', '.join(RANKINGS)}.")
    return _Wanted(None if kind is None else Kind(kind), ranking, columns or {}, format)


def _read_objects(rows: list[RawRow], wanted: _Wanted) -> RowFile:
    sampled = [_fields(row.cells, wanted) for row in rows if isinstance(row.cells, dict) and not row.problem]
    _check_columns(sampled, rows, wanted)
    name = _format_name(sampled, wanted)
    if name != PAIRS:
        return _collect((found for row in rows for found in _found(row, name, wanted)), name, wanted, [])
    return _collect(map(_pair_found, pairs_of_rows(rows, wanted.pair_columns)), PAIRS, wanted, [PAIRS_NOTE])


def _read_table(reader: RowReader, wanted: _Wanted) -> RowFile:
    """The rows of a table: pairs as models.formats.files reads them, unless its header is that of another format."""
    rows = list(map(checked_utf8, reader.cells()))
    first = next((row for row in rows if not row.problem), None)
    header = first.cells if first and isinstance(first.cells, list) else []
    objects = [_object(row, header) for row in rows if row is not first]
    sampled = [_fields(row.cells, wanted) for row in objects if isinstance(row.cells, dict) and not row.problem]
    name = wanted.format if wanted.format != AUTO else detect(sampled)
    if not name and sampled and not wanted.is_pairs and wanted.kind in COMPARED:
        raise _unknown(sampled)  # two columns of any name are a text and its rewrite, but no judgment
    if wanted.is_pairs or not name or name == PAIRS or (name == PROMPT.name and wanted.kind is not Kind.PROMPT):
        notes: list[str] = []
        found = [_pair_found(row) for row in parse_pairs(reader, wanted.pair_columns, notes)]
        return _collect(found, PAIRS, wanted, [*notes, PAIRS_NOTE])
    _check_columns(sampled, objects, wanted)
    return _collect((found for row in objects for found in _found(row, name, wanted)), name, wanted, reader.notes)


def _object(row: RawRow, header: list[str]) -> RawRow:
    """A row of a table as an object by the names in its header, without its empty cells.

    A cell with the JSON of messages holds these.
    """
    if row.problem or not isinstance(row.cells, list):
        return row
    if len(row.cells) != len(header):
        width = len(row.cells)
        return RawRow(row.line, {}, f"{width} column{'s' if width > 1 else ''} instead of {len(header)}")
    cells = {name: messages_in(cell) for name, cell in zip(header, row.cells, strict=True) if cell.strip()}
    return RawRow(row.line, cells)


def _fields(cells: object, wanted: _Wanted) -> Fields:
    """A row under the names that are known: those of `columns` by what they stand for, all in lower case."""
    given = cells.items() if isinstance(cells, dict) else ()
    fields = {str(name).strip().casefold(): value for name, value in given if value is not None}
    for name, column in wanted.columns.items():
        value = fields.get(column.strip().casefold())
        fields.pop(name, None)
        if value is not None:
            fields[name] = value
    return with_known_names(fields)


def _check_columns(sampled: list[Fields], rows: list[RawRow], wanted: _Wanted) -> None:
    """Raise `DataFileError` if a column that was named is nowhere."""
    for name, column in wanted.columns.items():
        if name in _PAIR_COLUMNS or not sampled or any(name in fields for fields in sampled):
            continue
        first = next(row.cells for row in rows if isinstance(row.cells, dict) and not row.problem)
        raise DataFileError(f"There is no column {column}: the columns are {', '.join(first)[:200] or 'none'}.")


def _format_name(sampled: list[Fields], wanted: _Wanted) -> str:
    if wanted.is_pairs:
        return PAIRS
    name = wanted.format if wanted.format != AUTO else detect(sampled)
    if name:
        return name
    if not sampled:
        return PAIRS  # lists of two texts, or nothing at all
    raise _unknown(sampled)


def _unknown(sampled: list[Fields]) -> DataFileError:
    has = ", ".join(sampled[0])[:200] or "none"
    return DataFileError(f"No format is known that has these fields: {has}. docs/data-formats.md shows those that are.")


def _found(row: RawRow, name: str, wanted: _Wanted) -> Iterator[Found]:
    if row.problem:
        yield Found(row.line, row.problem)
        return
    if not isinstance(row.cells, dict):
        what = "text alone" if isinstance(row.cells, str) else "list"
        yield Found(row.line, f"the row is a {what}, not an object")
        return
    fields = _fields(row.cells, wanted)
    try:
        refuse_tools(fields)
        known = FORMATS[name]
        beside = _beside(fields, wanted.kind or known.kind)
        if known.read is not None:
            made = [one | beside for one in known.read(fields)]
            yield Found(row.line, made, read_origin(fields) if known.kind in COMPARED else None)
            return
        assert known.record is not None
        record = known.record(fields)
        if wanted.kind is Kind.PROMPT:
            yield Found(row.line, [{"prompt": text_or_messages(record.prompt, "prompt")} | beside])
            return
    except BadRow as reason:
        yield Found(row.line, str(reason))
        return
    if not record.annotations:
        yield Found(row.line, "nobody has judged it")
    for one in record.annotations:
        yield _said(row.line, record, one, beside)


def _beside(fields: Fields, kind: Kind) -> Row:
    """Return what a row may have beside its texts: an objective, and a weight if rows of the wanted kind have one."""
    objective = {"objective": text(fields["objective"], "objective").strip()} if "objective" in fields else {}
    return objective | (weight(fields) if kind in WEIGHED else {})


def _said(line: int, record: Record, annotation: Annotation | str, beside: Row) -> Found:
    """Return what one person said of the candidates of a record."""
    if isinstance(annotation, str):
        return Found(line, annotation)
    try:
        made = [one | beside for one in pairs(record.prompt, annotation)]
    except BadRow as reason:
        return Found(line, str(reason), annotation.origin)
    return Found(line, made, annotation.origin, annotation.unused)


def _pair_found(row: PairRow | Problem) -> Found:
    if isinstance(row, Problem):
        return Found(row.line, row.reason)
    made = [{"prompt": row.source, "chosen": one, "rejected": row.source} for one in row.references]
    return Found(row.line, made)


def _line_found(row: RawRow) -> Found:
    line = row.cells.strip() if isinstance(row.cells, str) else ""
    try:
        return Found(row.line, row.problem or [{"prompt": text(line, "prompt")}])
    except BadRow as reason:
        return Found(row.line, str(reason))


def _collect(found: Iterable[Found], name: str, wanted: _Wanted, notes: list[str]) -> RowFile:
    """Return the rows of the wanted kind, of all that was found."""
    stored = FORMATS[name].kind if name in FORMATS else Kind.PREFERENCE
    kind = wanted.kind or stored
    if kind not in MAKES[stored]:
        raise DataFileError(
            f"The file is in the format {name} and holds {NOUNS[stored]}, of which {NOUNS[kind]} cannot be made."
        )
    collected = Collected(kind, wanted.ranking)
    for one in found:
        collected.add(one)
    return collected.file(name, notes)
