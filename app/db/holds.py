"""Searching for a part of a text, in upper or lower case, in any alphabet.

SQLite's LIKE and `lower` know the letters of ASCII alone, so other letters are compared by Python, whose function every
connection has (app/db/engine.py). That takes longer, hence rows are sifted by the longest ASCII part first. What
PostgreSQL's `lower` knows depends on the locale that its database was made with; there each letter that is not ASCII is
looked for as the set of its forms, by a regular expression.
"""

from __future__ import annotations

import re
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, SQLColumnExpression, and_, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

FUNCTION = "holds_in_lower_case"


class _Holds(FunctionElement[bool]):
    """A condition for SQLite and the same for PostgreSQL."""

    type = Boolean()
    name = "holds"
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:
        """Return the condition as it is: compared with 1, as SQLAlchemy would write it, SQLite computes all of it."""
        return self


def holds(text: SQLColumnExpression[Any], part: str) -> ColumnElement[bool]:
    """Tell whether a text holds a part, in upper or lower case; a text that is NULL holds nothing."""
    if part.isascii():
        return _Holds(text.contains(part, autoescape=True), text.icontains(part, autoescape=True))
    plain = max(re.findall(r"[\x20-\x7e]+", part), key=len, default="")
    compared = getattr(func, FUNCTION)(text, part.lower())
    sifted = and_(text.contains(plain, autoescape=True), compared) if plain else compared
    return _Holds(sifted, text.regexp_match("".join(map(_forms, part))))


def holds_in_lower_case(text: str | None, part: str) -> bool | None:
    """Tell whether a text holds a part that is in lower case already: what SQLite calls."""
    return None if text is None else part in text.lower()


def _forms(letter: str) -> str:
    """Return a regular expression of a letter in upper or lower case."""
    forms = dict.fromkeys(form for form in (letter, letter.lower(), letter.upper()) if len(form) == 1)
    return f"[{''.join(forms)}]" if len(forms) > 1 else re.escape(letter)


@compiles(_Holds, "sqlite")
def _on_sqlite(element: _Holds, compiler: Any, **options: Any) -> str:
    here, _ = element.clauses
    return f"({compiler.process(here, **options)})"


@compiles(_Holds, "postgresql")
def _on_postgresql(element: _Holds, compiler: Any, **options: Any) -> str:
    _, here = element.clauses
    return f"({compiler.process(here, **options)})"
