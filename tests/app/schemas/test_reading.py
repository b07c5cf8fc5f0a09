"""Reading what was sent as a schema: each refusal is one sentence that names the field."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from msgspec import Meta

from app.domain_errors import Invalid
from app.schemas.kinds import RowId, Search
from app.schemas.reading import Sent, read, read_form, read_query


class Inner(Sent, frozen=True):
    """Something inside."""

    unknown: ClassVar[str] = "There is no field {name!r} inside."

    numbers: Annotated[
        list[Annotated[int, Meta(le=9)]], Meta(max_length=2, extra={"refusal": "numbers must be a few of them."})
    ] = []  # noqa: RUF012 - msgspec gives each its own


class Outer(Sent, frozen=True):
    """Something of every kind."""

    id: RowId
    text: Search = ""
    side: Literal["left", "right"] = "left"
    sure: bool = False
    share: float | None = None
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "id must be a positive whole number."),
        ({"id": 0}, "id must be a positive whole number."),
        ({"id": "1"}, "id must be a positive whole number."),
        ({"id": 10**30}, "id must be a positive whole number."),
        ({"id": 1, "text": "x" * 201}, "text must have at most 200 characters."),
        ({"id": 1, "text": "a\x00"}, "text holds a character that no text has."),
        ({"id": 1, "side": "up"}, "side must be one of left, right."),
        ({"id": 1, "sure": 1}, "sure must be true or false."),
        ({"id": 1, "share": "all"}, "share must be a number."),
        ({"id": 1, "inner": []}, "inner must be an object."),
        ({"id": 1, "inner": {"x": 1}}, "There is no field 'x' inside."),
        ({"id": 1, "inner": {"numbers": [1, 10]}}, "numbers must be a few of them."),
        ({"id": 1, "inner": {"numbers": [1, "2"]}}, "numbers must be a few of them."),
        ({"z": 1, "y": 2}, "There is no field 'y' here: it takes id, text, side, sure, share, inner."),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence_that_names_the_field(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        read(Outer, values)
    assert str(refusal.value) == sentence


def test_a_query_is_of_texts_and_a_body_is_not() -> None:
    assert read_query(Outer, {"id": "7", "share": "0.5"}) == Outer(7, share=0.5)
    with pytest.raises(Invalid):
        read(Outer, {"id": "7"})


def test_what_a_form_leaves_empty_and_what_is_the_pages_own_say_nothing() -> None:
    assert read_form(Outer, {"id": "7", "text": "", "side": "", "page": "2"}) == Outer(7)


@pytest.mark.parametrize("read_texts", [read_query, read_form])
def test_the_word_null_is_not_taken_for_nothing(read_texts: Any) -> None:
    with pytest.raises(Invalid, match=r"^share must be a number\.$"):
        read_texts(Outer, {"id": "7", "share": "null"})
    assert read_texts(Outer, {"id": "7", "text": "null"}) == Outer(7, text="null")
