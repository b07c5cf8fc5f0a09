"""The kinds of values that requests of every room are made of.

`refusal` in `extra` is the sentence for a value that is not of its kind, with `{name}` for the field, `{value}` for
what was sent, and whatever else `extra` names; it is marked by `N_`. If they are there, `bounds` is the sentence for a
value of the kind that is too large, small, short or long, `greatest` the one for what is too large or long, and
`pattern` the one for a text with characters that it must not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from app.words import N_

LARGEST_ID = 2**31 - 1
"""Largest value of an integer column of PostgreSQL."""
LONGEST_SEARCH = 200
LARGEST_PAGE = 500
STUDIO_TEXT = "x-longest-studio-text"
"""Marks, in a schema, a text that may be as long as the studio's settings say."""

_STORABLE = r"[^\u0000]*"
VISIBLE = r"[^\s\u0000\u001c-\u001f\u0085]"
NOT_BLANK = f"^{_STORABLE}{VISIBLE}{_STORABLE}$"
"""A pattern for texts that can be stored and are more than white space."""
STORABLE = f"^{_STORABLE}$"
ONE_OF = N_("{name} must be one of {choices}.")


def one_of(choices: Iterable[str]) -> Meta:
    """Say of a kind that it is one of those, in that order."""
    named = list(map(str, choices))
    return Meta(extra_json_schema={"enum": named}, extra={"refusal": ONE_OF, "choices": ", ".join(named)})


RowId = Annotated[int, Meta(ge=1, le=LARGEST_ID, extra={"refusal": N_("{name} must be a positive whole number.")})]
Text = Annotated[
    str,
    Meta(
        extra_json_schema={"minLength": 1, "pattern": NOT_BLANK, STUDIO_TEXT: True},
        extra={"refusal": N_("The text must be a string.")},
    ),
]
"""A text as people write it; `prompts.check_text` knows how long it may be."""
TextOrNone = Annotated[
    str,
    Meta(
        extra_json_schema={"pattern": f"^$|{NOT_BLANK}", STUDIO_TEXT: True},
        extra={"refusal": N_("The text must be a string.")},
    ),
]
"""The same, or an empty text, which says nothing."""
Search = Annotated[
    str,
    Meta(
        max_length=LONGEST_SEARCH,
        pattern=STORABLE,
        extra={
            "refusal": N_("{name} must have at most {most} characters."),
            "most": LONGEST_SEARCH,
            "pattern": N_("{name} holds a character that no text has."),
        },
    ),
]
Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=LARGEST_PAGE,
        description="At most so many, 50 unless given.",
        extra={
            "refusal": N_("{name} must be a positive whole number."),
            "greatest": N_("{name} must be at most {most}."),
            "most": LARGEST_PAGE,
        },
    ),
]
YesNo = Annotated[Literal["yes", "no"], Meta(extra={"refusal": N_("{name} must be yes or no.")})]
