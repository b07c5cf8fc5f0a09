"""Columns of a file of pairs that hold the texts, as its header or the keys of its lines tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from models.formats.files.raw_rows import Cells
from models.model_errors import PairFileError

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


@dataclass(frozen=True)
class Columns:
    """Columns to read, by their names in the header; an empty name means that the header tells."""

    source: str = ""
    target: str = ""


@dataclass(frozen=True)
class Layout:
    """Where a row has its texts: indices of a list, or keys of an object. `width` is a table's number of columns."""

    sources: tuple[int | str, ...]
    targets: tuple[int | str, ...]
    width: int = 0
    problem: str = ""


def table_layout(header: Sequence[str], columns: Columns, notes: list[str]) -> tuple[Layout, bool]:
    """Where a table has its texts, and whether its first row is a header."""
    found = _find(header, columns)
    names = [_plain(name) for name in header]
    if found is not None:
        places = [tuple(names.index(name) for name in side) for side in found]
        return Layout(places[0], places[1], len(header)), True
    if columns.source or columns.target:
        raise PairFileError(_missing(columns, header))
    if len(header) < 2:
        raise PairFileError("Line 1 has one column: a file of pairs has two or more, or one object a line in .jsonl.")
    is_header = all(re.fullmatch(r"\w+", name) for name in names)
    first = f"line 1 is read as their header ({', '.join(header)[:200]})" if is_header else "line 1 is read as a pair"
    notes.append(f"No known column names were found, so the first two columns are source and target; {first}.")
    return Layout((0,), (1,), len(header)), is_header


def layout_of(cells: Cells | str, columns: Columns) -> Layout:
    """Where a JSON row has its texts."""
    return _object_layout(tuple(cells), columns) if isinstance(cells, dict) else Layout((0,), (1,), 2)


@lru_cache(maxsize=16)  # the lines of a file mostly have the same keys
def _object_layout(names: tuple[str, ...], columns: Columns) -> Layout:
    keys = {_plain(name): name for name in names}
    found = _find(names, columns)
    if found is None:
        return Layout((), (), problem=_missing(columns, names).rstrip("."))
    return Layout(tuple(keys[name] for name in found[0]), tuple(keys[name] for name in found[1]))


def _find(header: Sequence[str], columns: Columns) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The names of the source and target columns in `header`, or None if it does not have both."""
    if columns.source and _plain(columns.source) == _plain(columns.target):
        raise PairFileError(f"The column {columns.source} cannot be both the source and the target.")
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
