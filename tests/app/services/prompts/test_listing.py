"""The table of prompts: what it can be sorted by, and where its next window begins."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import Prompt
from app.services.prompts import listing as listings
from app.services.prompts.listing import listing
from app.services.prompts.search import PromptFilter
from tests import factories


@pytest.fixture
def made(session: Session) -> dict[int, str]:
    """Three prompts that wait, by their ids."""
    of = [
        factories.prompt(session, "b", queued=True, source="z", priority=1, overlap=2),
        factories.prompt(session, "C", queued=True, source="y", priority=3),
        factories.prompt(session, "a", queued=True, source="x", priority=2, overlap=5),
    ]
    return {prompt.id: prompt.text for prompt in of}


@pytest.mark.parametrize(
    ("sort", "values"),
    [
        ("", {"b": 1, "C": 2, "a": 3}),
        ("added", {"b": 1, "C": 2, "a": 3}),
        ("text", {"b": "b", "C": "C", "a": "a"}),
        ("source", {"b": "z", "C": "y", "a": "x"}),
        ("priority", {"b": 1, "C": 3, "a": 2}),
        ("overlap", {"b": 2, "C": 1, "a": 5}),
    ],
)
def test_each_column_has_its_values_in_the_order_of_the_queue(
    session: Session, made: dict[int, str], sort: str, values: dict[str, object]
) -> None:
    found = listing(session, PromptFilter(), {}, sort)
    assert [made[number] for number, _ in found.window.rows] == ["C", "a", "b"]
    assert {made[number]: value for number, value in found.window.rows} == values
    assert (found.fewest, found.most, found.window.further) == (1, 5, {})


@pytest.mark.parametrize("state", ["queue", "all"])
def test_a_window_ends_and_says_where_the_next_one_begins(
    session: Session, made: dict[int, str], monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(listings, "MOST", 2)
    first = listing(session, PromptFilter.parse({"state": state}), {}).window
    assert len(first.rows) == 2
    after = {name.removeprefix("after_"): value for name, value in first.further.items()}
    second = listing(session, PromptFilter.parse({"state": state}), after).window
    assert ({number for number, _ in [*first.rows, *second.rows]}, second.further) == (set(made), {})


def test_nothing_that_fits_is_an_empty_window(session: Session) -> None:
    assert session.query(Prompt).count() == 0
    assert listing(session, PromptFilter(), {}) == ((([]), {}), None, None)
