"""Read how somebody wants to see a table: which page, sorted by what, which columns, how dense.

The address says it, so that a view can be shared. Columns, density and the length of pages are also remembered by the
browser, for addresses that say nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from app.api.payload import row_id
from app.schemas.windows import Cut, Window, cut
from app.security import keep_cookie
from app.words import N_, gettext

ROWS = (25, 50, 100)
"""The numbers of rows that a page may have, the usual one first."""
DENSITIES = {"comfortable": N_("Comfortable"), "compact": N_("Compact")}
_LOOK = ("column", "density", "rows")
_SECONDS = 365 * 86_400


class Column(NamedTuple):
    """A column: the name that the address has for it, and its heading.

    `sorts` if the table can be sorted by it, `always` if it cannot be left out, `usual` if it is shown unless somebody
    chooses otherwise, `number` if it holds numbers.
    """

    name: str
    label: str
    sorts: bool = True
    always: bool = False
    usual: bool = True
    number: bool = False


class Table(NamedTuple):
    """A table: the endpoint of its page, its columns, and the parameters that name a place in it."""

    endpoint: str
    columns: tuple[Column, ...]
    place: tuple[str, ...]


@dataclass(frozen=True)
class TableView:
    """A view of a table. `sort` is empty for the table's own order; `problem` says what of the address is wrong."""

    densities: ClassVar[Mapping[str, str]] = DENSITIES
    lengths: ClassVar[Sequence[int]] = ROWS

    table: Table
    columns: list[Column]
    density: str
    rows: int
    sort: str
    descending: bool
    page: int
    problem: str | None

    def cut(self, window: Window) -> Cut:
        """Return the page of a window that is to be shown."""
        return cut(window, self.descending if self.sort else None, self.page, self.rows)

    def shows(self, name: str) -> bool:
        """Return whether a column is shown."""
        return any(column.name == name for column in self.columns)

    def aria_sort(self, column: Column) -> str:
        """Return how the table is sorted by a column, as `aria-sort` has it."""
        if column.name != self.sort:
            return "none"
        return "descending" if self.descending else "ascending"

    def sorted_by(self, column: Column) -> str:
        """Return the address of the table sorted by a column: upwards, then downwards, then in its own order again."""
        nexts = {"none": column.name, "ascending": f"-{column.name}", "descending": None}
        return self.address(sort=nexts[self.aria_sort(column)], page=None)

    def address(self, **changed: object) -> str:
        """Return the address of this page with some parameters changed; None leaves one out."""
        return self._with(self.kept(*changed) + [(name, str(value)) for name, value in changed.items() if value])

    @property
    def page_address(self) -> str:
        """Return the address of the page without any parameter."""
        return url_for(self.table.endpoint)

    @property
    def shared(self) -> str:
        """Return the address that shows the same to others, whatever their browsers remember."""
        look = [("column", column.name) for column in self.columns]
        return self._with([*self.kept(*_LOOK), *look, ("density", self.density), ("rows", str(self.rows))])

    def kept(self, *left_out: str) -> list[tuple[str, str]]:
        """Return the parameters of the address, but for those that are empty or are to be left out."""
        return [(name, value) for name, value in request.args.items(multi=True) if value and name not in left_out]

    @property
    def beside_filter(self) -> list[tuple[str, str]]:
        """Return the parameters that a form with other filters keeps."""
        return [(name, value) for name, value in self.kept() if name in ("sort", *_LOOK)]

    @property
    def beside_look(self) -> list[tuple[str, str]]:
        """Return the parameters that the form of columns, density and order keeps."""
        return self.kept("sort", "page", *_LOOK)

    @property
    def first_window(self) -> str | None:
        """Return the address of the beginning of the table; None for what is there already."""
        if not any(request.args.get(name) for name in self.table.place):
            return None
        return self.address(**dict.fromkeys((*self.table.place, "page")))

    def next_window(self, window: Window) -> str | None:
        """Return the address of the window after this one; None if there is none."""
        return self.address(page=None, **window.further) if window.further else None

    def _with(self, query: list[tuple[str, str]]) -> str:
        return f"{self.page_address}?{urlencode(query)}" if query else self.page_address


def read(table: Table) -> TableView:
    """Return the view that the request asks for, and let the browser remember its columns, density and length."""
    args = request.args
    cookie = f"mellow_table_{table.endpoint.replace('.', '_')}"
    look = args if args.get("density") else MultiDict(parse_qsl(request.cookies.get(cookie, "")))
    sort, problem = args.get("sort", ""), None
    if sort and sort.removeprefix("-") not in (names := [column.name for column in table.columns if column.sorts]):
        sort = ""
        problem = gettext(
            "sort must be one of %(names)s, with a minus sign before it for descending.", names=", ".join(names)
        )
    chosen = set(look.getlist("column"))
    view = TableView(
        table,
        [one for one in table.columns if one.always or (one.name in chosen if "density" in look else one.usual)],
        look["density"] if look.get("density") in DENSITIES else next(iter(DENSITIES)),
        rows if (rows := row_id(look.get("rows"))) in ROWS else ROWS[0],
        sort.removeprefix("-"),
        sort.startswith("-"),
        row_id(args.get("page")) or 1,
        problem,
    )
    if args.get("density"):
        _remember(cookie, view)
    return view


def back_to(page: str, query: str) -> str:
    """Return the address of a page with the query that it was seen with, as a form sent it along."""
    pairs = parse_qsl(query)
    return f"{page}?{urlencode(pairs)}" if pairs else page


def _remember(cookie: str, view: TableView) -> None:
    names = [("column", column.name) for column in view.columns]
    keep_cookie(cookie, urlencode([*names, ("density", view.density), ("rows", view.rows)]), _SECONDS)
