"""The rows of a file that is brought into the studio, as models.formats.files reads them, told in whole sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain_errors import Malformed
from models.formats.files.packed.unpacked import LARGEST_UNPACKED
from models.formats.files.raw_rows import NO_ROW, RawRow, sentence
from models.formats.files.row_reader import LAYOUTS, Layout, RowReader
from models.model_errors import DataFileError

__all__ = ["LAYOUTS", "FileRow", "Layout", "RowFile", "Value", "flat"]

Value = str | dict[str, object]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row and the line it begins on; `problem` says, as a sentence, why there is no value."""

    line: int
    value: Value
    problem: str = ""


class RowFile:
    """The rows of a file, or of bytes called `name`; raises Malformed if it cannot be read as a whole.

    `layout` is one of LAYOUTS and `header` says whether a table's first row names its columns; what is not given is
    told by the content. It may unpack to `unpacked` bytes.
    """

    def __init__(
        self,
        content: Path | bytes,
        layout: str = "",
        header: bool | None = None,
        name: str | None = None,
        unpacked: int = LARGEST_UNPACKED,
    ) -> None:
        given = name if name is not None else content.name if isinstance(content, Path) else ""
        with _told():
            self._reader = RowReader(content, given, layout, header, unpacked)
        self.layout = self._reader.layout

    @property
    def fraction(self) -> float:
        """The share of the file's bytes that has been read, from 0 to 1."""
        return self._reader.fraction

    def header(self) -> bool:
        """Return whether the first row of a table names its columns."""
        with _told():
            return self._reader.header()

    def columns(self) -> list[str]:
        """Return the names of a table's columns."""
        with _told():
            return self._reader.columns()

    def rows(self) -> Iterator[FileRow]:
        """Yield every row that is not blank; raises Malformed where the file cannot be read on."""
        with _told():
            yield from map(_file_row, self._reader.rows())


def flat(value: dict[str, object]) -> dict[str, object]:
    """Return the object with the fields of the objects in it beside its own, as `data.text`."""
    fields: dict[str, object] = {}
    for name, field in value.items():
        fields[name] = field
        if isinstance(field, dict):
            fields.update({f"{name}.{inner}": one for inner, one in field.items()})
    return fields


def _file_row(row: RawRow) -> FileRow:
    if row.problem or isinstance(row.cells, list):
        return FileRow(row.line, "", sentence(row.problem or NO_ROW))
    return FileRow(row.line, flat(row.cells) if isinstance(row.cells, dict) else row.cells)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DataFileError as error:
        raise Malformed(str(error)) from None
