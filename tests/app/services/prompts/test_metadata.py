"""Metadata of prompts: what can be stored, what is added to what, and what a condition finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.domain_errors import Invalid
from app.services.prompts import metadata, search
from app.services.prompts.search import PromptFilter
from tests import factories
from tests.studio import parts

JSON_VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("nothing", [None, "", "  ", {}, "{}", {"url": None, "id": ""}])
def test_nothing_is_no_metadata(nothing: object) -> None:
    assert metadata.check(nothing) == {}


def test_an_object_is_kept_as_it_is_also_one_that_is_written_as_a_text() -> None:
    kept = {"language": "de", "id": 7, "checked": True, "tags": ["a", "b"], "by": {"name": "Ada"}}
    assert metadata.check(kept) == kept
    assert metadata.check(metadata.as_text(kept)) == kept


def test_what_parquet_has_beyond_json_becomes_a_text() -> None:
    assert metadata.check({"day": date(2026, 1, 2), "price": Decimal("1.50")}) == {"day": "2026-01-02", "price": "1.50"}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (["de"], 'The metadata must be an object, such as {"language": "de"}.'),
        ("de", 'The metadata must be a JSON object, such as {"language": "de"}.'),
        ({"": 1}, "The name of a field of the metadata must have 1 to 200 characters."),
        ({"x" * 201: 1}, "The name of a field of the metadata must have 1 to 200 characters."),
        ({"a": float("inf")}, "The metadata holds a value that JSON has no form for."),
        ({"a": b"x"}, "The metadata holds a value that JSON has no form for."),
        ({"a": ["\x00"]}, "The metadata holds characters that cannot be stored."),
        ({"a": {"\ud800": 1}}, "The metadata holds characters that cannot be stored."),
        ({"a": "x" * 4_000}, "The metadata has 4,009 characters and may have at most 4,000."),
    ],
)
def test_what_cannot_be_kept_is_refused_in_one_sentence(value: object, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        metadata.check(value)
    assert str(refusal.value) == sentence


@given(st.dictionaries(st.text(min_size=1, max_size=10), JSON_VALUES, max_size=5))
def test_what_is_checked_stays_the_same_when_it_is_checked_again(value: dict[str, Any]) -> None:
    try:
        kept = metadata.check(value)
    except Invalid:
        return
    assert metadata.check(kept) == metadata.check(metadata.as_text(kept)) == kept


def test_new_fields_are_added_and_what_is_there_stays() -> None:
    assert metadata.merged(None, {}) == (None, "")
    assert metadata.merged({"id": 1}, {"id": 1, "language": "de"}) == ({"id": 1, "language": "de"}, "")
    both, problem = metadata.merged({"id": 1, "url": "a"}, {"url": "b", "id": 2, "language": "de"})
    assert both == {"id": 1, "url": "a", "language": "de"}
    assert problem == "The text has other metadata already, which stays: id, url."


def test_together_they_may_not_be_larger_than_one() -> None:
    old, new = {"a": "x" * 3_000}, {"b": "x" * 3_000}
    assert metadata.merged(old, new) == (
        old,
        "The metadata has 6,018 characters and may have at most 4,000. What is new of it is not kept.",
    )


def test_a_person_reads_texts_as_they_are_and_the_rest_as_json() -> None:
    assert metadata.shown({"language": "de", "checked": True, "tags": ["ä"]}) == [
        ("language", "de"),
        ("checked", "true"),
        ("tags", '["ä"]'),
    ]
    assert metadata.shown(None) == []


FOUND = {
    "language = de": ["german"],
    " language=de ": ["german"],
    "language = DE": [],
    "id = 7": ["german"],
    "id = 8": ["english"],
    "checked = true": ["german"],
    "checked = 1": ["english"],
    "share = 0.5": ["english"],
    'a "quoted" name = x = y': ["english"],
    "tags = a": [],
    "other = de": [],
}


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session of a studio on each database."""
    name = "app" if request.param == "sqlite" else "postgres_app"
    with parts(request.getfixturevalue(name)).sessions() as session:
        yield session


def test_a_condition_finds_texts_numbers_and_switches_as_they_are_written(either: Session) -> None:
    for text, said in {
        "german": {"language": "de", "id": 7, "checked": True, "tags": ["a"]},
        "english": {"language": "en", "id": "8", "checked": 1, "share": 0.5, 'a "quoted" name': "x = y"},
        "untold": None,
    }.items():
        factories.prompt(either, text, metadata_=said)
    for condition, found in FOUND.items():
        wanted = PromptFilter("all", metadata=condition)
        assert [row.prompt.text for row in search.page(either, wanted).rows] == found, condition


@pytest.mark.parametrize("condition", ["language", "= de", "language =", "= =", "== de"])
def test_a_condition_that_is_none_is_refused(condition: str) -> None:
    with pytest.raises(Invalid) as refusal:
        PromptFilter.parse({"metadata": condition})
    assert str(refusal.value) == "Write what the metadata must be as name = value, such as language = de."
