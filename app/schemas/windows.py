"""The part of a table that is sorted and numbered: its first rows, as many as can be sorted at once.

So a page takes the same time however many rows there are. What comes after a window begins another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

MOST = 2_000
"""The most rows of a window."""


class Window(NamedTuple):
    """Rows in the own order of their table, each an id and the value to sort by, and the place of the next window.

    The place is a query, which is empty where no row comes after these.
    """

    rows: Sequence[tuple[int, Any]]
    further: dict[str, str]


@dataclass(frozen=True)
class Cut:
    """One page of a window: the ids of its rows, and its number among so many pages."""

    ids: Sequence[int]
    page: int
    pages: int
    first: int
    total: int

    @property
    def near(self) -> list[int | None]:
        """Return the numbers of the first page, the last one, and those around this one; None stands for a gap."""
        wanted = {1, self.pages, *range(max(1, self.page - 1), min(self.pages, self.page + 1) + 1)}
        shown: list[int | None] = []
        for number in sorted(wanted):
            before = shown[-1] if shown else number - 1
            if before is not None and number - before == 2:
                shown.append(number - 1)
            elif before is not None and number - before > 2:
                shown.append(None)
            shown.append(number)
        return shown


def cut(window: Window, descending: bool | None, page: int, size: int) -> Cut:
    """Return a page of a window, or the last one if there are fewer.

    `descending` says which way the values are sorted; None keeps the own order of the table.
    """
    rows = window.rows if descending is None else _sorted(window.rows, descending)
    pages = max(1, ceil(len(rows) / size))
    page = min(page, pages)
    first = (page - 1) * size
    return Cut([number for number, _ in rows[first : first + size]], page, pages, first + 1, len(rows))


def in_order(ids: Iterable[int], found: Iterable[Any]) -> list[Any]:
    """Return the rows that were found by their ids in the order of these; those that are gone are left out."""
    by_id = {row.id: row for row in found}
    return [by_id[number] for number in ids if number in by_id]


def _sorted(rows: Sequence[tuple[int, Any]], descending: bool) -> list[tuple[int, Any]]:
    """Sort by the values, without regard to case; rows without a value come last, either way."""
    known = [row for row in rows if row[1] is not None]
    known.sort(key=lambda row: row[1].casefold() if isinstance(row[1], str) else row[1], reverse=descending)
    return known + [row for row in rows if row[1] is None]
