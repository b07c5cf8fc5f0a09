"""Tables that can be opened in a spreadsheet, which runs what looks like a formula, and their texts as they were.

In a safe table an apostrophe stands before each place where a formula could begin, so that texts are told apart from it
(OWASP, CSV injection). Where the lists of the system are separated otherwise, a spreadsheet breaks cells at semicolons,
tabs and line ends inside them, so that formulas could begin there, too. A column of its own says of each row that it is
written so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.formats.files.raw_rows import RawRow

SAFE_COLUMN = "spreadsheet_safe"
SAFE = "yes"
_SIGNS = r"=+\-@＝＋－＠"
# A text may begin with apostrophes of its own: it gets one more, so that taking one away gives it back.
_FORMULA = re.compile(rf"^(?='*[{_SIGNS}\t\r\n])|([;\t\r\n])(?='*[{_SIGNS}])")
_SAFE_FORMULA = re.compile(rf"^'(?='*[{_SIGNS}\t\r\n])|([;\t\r\n])'(?='*[{_SIGNS}])")


def safe(text: str) -> str:
    """Return a text in which no spreadsheet finds a formula."""
    return _FORMULA.sub(lambda found: f"{found[1] or ''}'", text)


def original(text: str) -> str:
    """Return the text of which `safe` made this one."""
    return _SAFE_FORMULA.sub(lambda found: found[1] or "", text)


def originals(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    """Yield the rows of a table with a header, those of a safe one as they were, without the column that says so."""
    place = None
    for row in rows:
        cells = row.cells
        if place is None and not row.problem and isinstance(cells, list):
            if SAFE_COLUMN not in cells:
                yield row
                yield from rows
                return
            place = cells.index(SAFE_COLUMN)
        if place is None or not isinstance(cells, list) or len(cells) <= place:
            yield row
            continue
        others = [*cells[:place], *cells[place + 1 :]]
        yield RawRow(row.line, list(map(original, others)) if cells[place] == SAFE else others, row.problem)
