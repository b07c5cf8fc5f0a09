"""The one reader of all files with rows: prompts, judgments and training data, of any layout and any size.

What a file is packed in, how its text is encoded and how its rows are laid out is told by its content; its name only
decides where the content does not. Rows come one after the other: memory holds one row, never the file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Literal, TextIO

from models.formats.files.column_names import is_known
from models.formats.files.dialects import Dialect, dialect_of, header_of
from models.formats.files.json_rows import json_rows
from models.formats.files.json_stream import DECODER
from models.formats.files.lines import text_rows
from models.formats.files.packed.opened import Opened, data_file_in, kind_of, opened, text_of
from models.formats.files.packed.parquet import parquet_rows
from models.formats.files.packed.workbooks import workbook_rows
from models.formats.files.raw_rows import RawRow
from models.formats.files.spreadsheet import originals
from models.formats.files.tables import checked_rows, column_names, named_rows, table_rows
from models.words import N_

Layout = Literal["csv", "tsv", "json", "jsonl", "lines", "xlsx", "parquet"]
LAYOUTS: Mapping[Layout, str] = {
    "csv": N_("Table with commas (CSV)"),
    "tsv": N_("Table with tabs (TSV)"),
    "json": "JSON",
    "jsonl": "JSON Lines",
    "lines": N_("Plain lines, a text each"),
    "xlsx": N_("Excel workbook, its first sheet (XLSX)"),
    "parquet": "Parquet",
}
"""The layouts that a file's rows may have, by the names that the API has for them."""
TABLES = ("csv", "tsv", "xlsx")
_EXTENSIONS = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "json": "json", "jsonl": "jsonl", "ndjson": "jsonl"}
_PACKED = re.compile(r"\.(gz|bz2|xz|zip)$")
_SNIFFED = 4096
_SNIFFED_ROWS = 50
_OBJECT = re.compile(r'\[?\s*\{\s*("|\})|\[\s*"')


class RowReader:
    """The rows of a file, of the one data file in a folder, or of bytes, called `name`.

    `layout` is one of LAYOUTS, found unless given; `header` says whether a table's first row names its columns, told
    by its content unless given. `unpacked` is how many bytes it may unpack to, None if nothing bounds it.
    Whatever is asked raises DataFileError, with one sentence, if the file as a whole cannot be read, and OSError if it
    is not there.
    """

    def __init__(
        self,
        content: Path | bytes,
        name: str,
        layout: str = "",
        header: bool | None = None,
        unpacked: int | None = None,
    ) -> None:
        if isinstance(content, Path) and content.is_dir():
            content = data_file_in(content)
        self._content = content
        self._size = max(1, len(content) if isinstance(content, bytes) else content.stat().st_size)
        self._raw: BinaryIO | None = None
        self._header = header
        self._most = unpacked
        self.notes: list[str] = []
        """Sentences on how the file was understood."""
        self.layout = self._layout(name, layout)

    @property
    def fraction(self) -> float:
        """The share of the file's bytes that has been read, from 0 to 1."""
        return min(1.0, self._raw.tell() / self._size) if self._raw and not self._raw.closed else 1.0

    def _layout(self, name: str, wished: str) -> str:
        with self._opened() as (_, plain, inside):
            kind = kind_of(plain)
            if kind != "text":
                return kind
            if wished and wished not in ("xlsx", "parquet"):
                return wished
            with text_of(plain) as text:
                return layout_of(text, inside or name)

    def header(self) -> bool:
        """Return whether the first row of a table names its columns; True for what is no table."""
        if self.layout not in TABLES:
            return True
        with self._table() as (_, dialect):
            return dialect.header

    def columns(self) -> list[str]:
        """Return the names of a table's columns, none if it has no rows or is no table."""
        if self.layout not in TABLES:
            return []
        with self._table() as (rows, dialect):
            first = next((row.cells for row in rows if not row.problem), [])
            return column_names(first, dialect.header) if isinstance(first, list) else []

    def cells(self) -> Iterator[RawRow]:
        """Yield every row that is not blank, those of tables as lists of cells, their header first."""
        if self.layout not in TABLES:
            yield from self._others()
            return
        with self._table() as (rows, _):
            yield from rows

    def rows(self) -> Iterator[RawRow]:
        """Yield every row that is not blank, those of tables as objects by the names of their columns."""
        if self.layout not in TABLES:
            yield from self._others()
            return
        with self._table() as (rows, dialect):
            yield from named_rows(rows, dialect.header)

    @contextmanager
    def _opened(self) -> Iterator[Opened]:
        with opened(self._content, self._most) as found:
            self._raw = found.raw
            yield found

    @contextmanager
    def _table(self) -> Iterator[tuple[Iterator[RawRow], Dialect]]:
        """The rows of a table, its header among them, and how it is written."""
        self.notes.clear()
        with self._opened() as (_, plain, _):
            if self.layout == "xlsx":
                sheet = workbook_rows(plain, self.notes, self._most)
                first = list(islice(sheet, _SNIFFED_ROWS))
                filled = [row.cells for row in first if isinstance(row.cells, list) and any(row.cells)]
                dialect = self._with_header(Dialect(",", False, *header_of(filled)))
                yield _as_written(checked_rows(chain(first, sheet), dialect), dialect), dialect
                return
            with text_of(plain) as text:
                dialect = self._with_header(dialect_of(text, "\t" if self.layout == "tsv" else ","))
                yield _as_written(table_rows(text, dialect, self.notes), dialect), dialect

    def _with_header(self, dialect: Dialect) -> Dialect:
        return dialect if self._header is None else replace(dialect, header=self._header)

    def _others(self) -> Iterator[RawRow]:
        with self._opened() as (_, plain, _):
            if self.layout == "parquet":
                yield from parquet_rows(plain)
                return
            with text_of(plain) as text:
                yield from text_rows(text) if self.layout == "lines" else json_rows(text, self.layout == "jsonl")


def _as_written(rows: Iterator[RawRow], dialect: Dialect) -> Iterator[RawRow]:
    """The rows of a table, with the texts that were made safe for spreadsheets as they were."""
    return originals(rows) if dialect.header else rows


def layout_of(text: TextIO, name: str) -> str:
    """Return how a text is laid out: by its content, or by the file's name where that does not tell."""
    named = _EXTENSIONS.get(_PACKED.sub("", name.casefold()).rpartition(".")[2], "")
    begins = text.read(_SNIFFED).lstrip()
    if named.startswith("json"):
        is_json = not begins or begins[0] in "[{" or _is_json(begins.partition("\n")[0])
        return named if is_json else _table_layout(text) or named
    if _OBJECT.match(begins) or (not named and begins.startswith("[") and _is_json(begins)):
        return "json" if begins.startswith("[") else "jsonl"
    if not named and "\t" in begins.partition("\n")[0]:
        return "tsv"
    return named or _table_layout(text) or "lines"


def _table_layout(text: TextIO) -> str:
    """The layout of a text that is a table all of whose columns have names that are known, empty if it is none."""
    dialect = dialect_of(text, ",")
    first = text.readline(_SNIFFED) if not dialect.separator_line else ""
    cells = next(csv.reader([first], delimiter=dialect.delimiter), [])
    known = dialect.separator_line or (len(cells) > 1 and all(map(is_known, cells)))
    return ("tsv" if dialect.delimiter == "\t" else "csv") if known else ""


def _is_json(text: str) -> bool:
    try:
        DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True
