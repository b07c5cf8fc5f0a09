"""The kinds of values that answers of every room are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Time = Annotated[datetime, Meta(tz=True)]
Anything = dict[str, Any]


class Id(Struct):
    """Number of a new row."""

    id: int


class Refused(Struct):
    """A row that cannot be used."""

    line: int
    reason: str
