"""The table of prompts: those that a filter finds, in the order of the queue or the newest first, as far as sorted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import Session

from app.db import Prompt
from app.schemas.windows import MOST, Window
from app.services.prompts import search, studio_settings
from app.services.prompts.reservations import wanted_opinions
from app.services.prompts.search import PromptFilter

_LONGEST_SORTED = 200
_VALUES: Mapping[str, ColumnElement[Any]] = {
    "text": func.substr(Prompt.text, 1, _LONGEST_SORTED),
    "source": Prompt.source.expression,
    "priority": Prompt.priority.expression,
    "added": Prompt.id.expression,
}
OVERLAP = "overlap"


class Listing(NamedTuple):
    """A window of prompts, and the fewest and the most people who are to judge one of them; None without prompts."""

    window: Window
    fewest: int | None
    most: int | None


def listing(session: Session, wanted: PromptFilter, after: Mapping[str, str], sort: str = "") -> Listing:
    """Return the prompts that match, from `after` on, with the values of the column `sort`; raises Invalid."""
    people = wanted_opinions(studio_settings.settings(session)).label("people")
    value = people if sort == OVERLAP else _VALUES.get(sort, Prompt.id.expression)
    found, cursor = search.find(session, wanted, after, MOST, people, value.label("value"))
    wished = [row.people for row in found]
    further = {f"after_{name}": place for name, place in cursor.items()}
    return Listing(
        Window([(row.id, row.value) for row in found], further), min(wished, default=None), max(wished, default=None)
    )
