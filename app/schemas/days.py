"""Days as people write them: one parser, and one sentence for what is none."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from app.domain_errors import Invalid
from app.words import N_, gettext

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9998, 12, 31)  # the day after it can be reckoned with, too
REFUSAL = N_("{name} must be a day such as 2026-01-31.")

Day = Annotated[
    date,
    Meta(
        extra_json_schema={"pattern": r"^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-"},
        extra={"refusal": REFUSAL},
    ),
]
"""A day from FIRST_DAY to LAST_DAY; a schema that has one calls `check_days` when it is made."""


def parse_day(text: str, name: str) -> date | None:
    """Return the day that `text` names, None for an empty text; raises Invalid with a sentence about `name`."""
    if not text:
        return None
    try:
        day = msgspec.convert(text, date)
    except msgspec.ValidationError:
        raise Invalid(gettext(REFUSAL).format(name=name)) from None
    check_days(**{name: day})
    return day


def check_days(**days: date | None) -> None:
    """Raise Invalid for the first day, by its name, that is before FIRST_DAY or after LAST_DAY."""
    for name, day in days.items():
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise Invalid(gettext(REFUSAL).format(name=name))
