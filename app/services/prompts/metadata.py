"""Metadata of prompts: what a file said of a text beside it, such as its language, its id or its address.

It is kept as it came, shown on request, found by, and written into exports; nothing else depends on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import Boolean, ColumnElement, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db import Prompt
from app.domain_errors import Invalid
from app.schemas.kinds import LONGEST_SEARCH, VISIBLE
from app.words import N_, gettext, number
from models.formats.files.problems import UNSTORABLE

MOST_CHARACTERS = 4_000
"""Of all metadata of a prompt, written as JSON."""
LONGEST_NAME = 200

Metadata = Mapping[str, Any]
_NAMED = VISIBLE.replace("[^", "[^=")
MetadataSearch = Annotated[
    str,
    Meta(
        max_length=LONGEST_SEARCH,
        pattern=rf"^$|^[^=\u0000]*{_NAMED}[^=\u0000]*=[^\u0000]*{VISIBLE}[^\u0000]*$",
        description="What its metadata say, as a name and a value: `language = de`.",
        extra={
            "refusal": f"metadata must have at most {LONGEST_SEARCH} characters.",
            "pattern": N_("Write what the metadata must be as name = value, such as language = de."),
        },
    ),
]
"""A condition on metadata as it is sent; empty for none."""


def check(value: object) -> dict[str, Any]:
    """Return metadata as it is stored: a JSON object, also one written as a text; empty if nothing is given.

    Fields without a value are left out. Raises Invalid if it is no object, too large or not storable.
    """
    if isinstance(value, str):
        value = _parsed(value) if value.strip() else None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid(gettext('The metadata must be an object, such as {"language": "de"}.'))
    given = {str(name).strip(): one for name, one in value.items() if one is not None and one != ""}
    for name in given:
        if not 1 <= len(name) <= LONGEST_NAME:
            raise Invalid(
                gettext("The name of a field of the metadata must have 1 to %(most)s characters.", most=LONGEST_NAME)
            )
    try:
        plain: dict[str, Any] = json.loads(json.dumps(given, allow_nan=False, default=_written))
        unstorable = any(map(UNSTORABLE.search, _texts(plain)))
    except (ValueError, RecursionError):
        raise Invalid(gettext("The metadata holds a value that JSON has no form for.")) from None
    if unstorable:
        raise Invalid(gettext("The metadata holds characters that cannot be stored."))
    _check_size(plain)
    return plain


def merged(old: Metadata | None, new: Metadata) -> tuple[dict[str, Any] | None, str]:
    """Return what a prompt has with the fields added that are new, and a sentence about those that are not kept.

    The sentence is empty if all are kept.
    """
    if not new:
        return dict(old) if old else None, ""
    both = {**new, **(old or {})}
    try:
        _check_size(both)
    except Invalid as refusal:
        return dict(old) if old else None, " ".join((str(refusal), gettext("What is new of it is not kept.")))
    different = sorted(name for name, value in new.items() if both[name] != value)
    names = ", ".join(different)[:LONGEST_NAME]
    if not different:
        return both, ""
    return both, gettext("The text has other metadata already, which stays: %(names)s.", names=names)


def as_text(metadata: Metadata | None) -> str:
    """Return metadata as a JSON text, for columns of tables; that of nothing is an empty object."""
    return json.dumps(metadata or {}, ensure_ascii=False)


def shown(metadata: Metadata | None) -> list[tuple[str, str]]:
    """Return (name, value) of each field as a person reads it."""
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in (metadata or {}).items()
    ]


def has(condition: str) -> ColumnElement[bool]:
    """Return a MetadataSearch as a condition on a Prompt; true, false and numbers are meant as they are written."""
    name, _, value = (part.strip() for part in condition.partition("="))
    return _HasField(Prompt.metadata_, literal(name, String), literal(value, String))


class _HasField(FunctionElement[bool]):
    """Return the condition that a JSON object has a field of that name with that value, written as a text."""

    type = Boolean()
    inherit_cache = True


@compiles(_HasField, "sqlite")
def _on_sqlite(element: _HasField, compiler: SQLCompiler, **options: Any) -> str:
    column, name, value = (compiler.process(clause, **options) for clause in element.clauses)
    text = "CASE field.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(field.value AS TEXT) END"
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS field WHERE field.key = {name} AND {text} = {value})"  # noqa: S608 - made of bound values


@compiles(_HasField, "postgresql")
def _on_postgresql(element: _HasField, compiler: SQLCompiler, **options: Any) -> str:
    column, name, value = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} ->> {name}) = {value}"


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(gettext('The metadata must be a JSON object, such as {"language": "de"}.')) from None


def _written(value: object) -> str:
    """Return what files have as a value of its own, and JSON as a text."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise ValueError(type(value).__name__)


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a JSON value, names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)


def _check_size(metadata: Metadata) -> None:
    size = len(as_text(metadata))
    if size > MOST_CHARACTERS:
        raise Invalid(
            gettext(
                "The metadata has %(number)s characters and may have at most %(most)s.",
                number=number(size),
                most=number(MOST_CHARACTERS),
            )
        )
