"""Writing rows in another format: the whole content of a file, and what did not fit into it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.formats import Row, RowFile, under, write_records
from models.formats.catalog import FIELD_NAMES
from models.formats.files.problems import KEPT_PROBLEMS, Problem, complaint, report
from models.formats.writers import Record, Writer
from models.model_errors import DataFileError

_TABLES = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True)
class Written:
    """A file to be: its bytes, how many records are in it, and the rows that the format cannot hold."""

    content: bytes
    count: int
    problems: tuple[Problem, ...]
    problem_count: int

    def problem_report(self) -> str:
        """One sentence on the rows that do not fit, empty if there are none."""
        return report(self.problems, self.problem_count, self.count + self.problem_count, most=20)

    def check_usable(self) -> None:
        """Raise `DataFileError` if the format holds nothing, or not even half of the rows."""
        why = complaint(self.problem_report(), self.problem_count, self.count + self.problem_count, "rows")
        if why:
            raise DataFileError(why)

    def summary(self) -> dict[str, object]:
        """The same as figures."""
        problems = [{"line": problem.line, "reason": problem.reason} for problem in self.problems]
        return {"rows": self.count, "left_out": self.problem_count, "problems": problems}


def check_output(path: Path, writer: Writer, overwrite: bool) -> None:
    """Raise `DataFileError` if the path has another extension than the format, or the file is there already."""
    if _extension(path) not in writer.extensions:
        endings = " or ".join(f".{extension}" for extension in writer.extensions)
        raise DataFileError(f"The format {writer.name} is written to {endings}, not to {path.name}.")
    if path.exists() and not overwrite:
        raise DataFileError(f"{path} is there already: --overwrite replaces it.")


def join(files: Sequence[tuple[str, RowFile]]) -> RowFile:
    """The rows of several files as one, each under the objective of its file; raises `DataFileError`."""
    first = files[0][1]
    if any(file.kind is not first.kind for _, file in files):
        raise DataFileError("The files hold rows of different kinds: convert each by itself.")
    rows: list[Row] = [row for name, file in files for row in under(name, file.rows)]
    return replace(first, rows=tuple(rows), lines=tuple(line for _, file in files for line in file.lines))


def convert(file: RowFile, writer: Writer, path: Path) -> Written:
    """The content of a file at `path` that holds the rows in another format."""
    records: list[Record] = []
    problems: list[Problem] = []
    for one in write_records(zip(file.rows, file.lines, strict=True), writer):
        if isinstance(one, Problem):
            problems.append(one)
        else:
            records.append(one)
    content = _content(records, _extension(path)).encode()
    if path.name.casefold().endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    return Written(content, len(records), tuple(problems[:KEPT_PROBLEMS]), len(problems))


def _content(records: Sequence[Record], extension: str) -> str:
    if extension in _TABLES:
        return _table(records, _TABLES[extension])
    if extension == "json":
        return json.dumps(records, indent=1, ensure_ascii=False) + "\n"
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _table(records: Sequence[Record], delimiter: str) -> str:
    columns = dict.fromkeys(name for record in records for name in record)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(columns), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def _extension(path: Path) -> str:
    name = path.name.casefold().removesuffix(".gz")
    return name.rpartition(".")[2] if "." in name else ""


def columns_from(arguments: Sequence[str]) -> Mapping[str, str]:
    """Return the columns of other names that `--columns` gives, by their fields; raises DataFileError."""
    columns = {}
    for argument in arguments:
        name, _, column = argument.partition("=")
        if not name or not column:
            raise DataFileError(f"{argument} is not a field and its column, such as prompt=question.")
        field = name.strip().casefold()
        if field not in FIELD_NAMES:
            raise DataFileError(f"There is no field {name.strip()}: it is one of {', '.join(FIELD_NAMES)}.")
        columns[field] = column.strip()
    return columns
