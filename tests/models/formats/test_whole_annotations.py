"""Annotations of each tool with all that it says of them: verdict, texts, person, time, key and what is unused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from models.formats import FORMATS
from models.formats.annotations import Annotation, Origin
from tests.models.formats.test_annotations import CANDIDATES, annotations_of, pairwise, task

KEYS = ["j-" + "0" * 32, "j-" + "1" * 32, "j-" + "2" * 32]


def test_a_record_of_our_own_export_to_argilla_says_all_that_it_has_a_place_for() -> None:
    """Responses by question, with key, verdict and person of each in lists among the metadata."""
    ranking = [{"value": "r-2", "rank": 1}, {"value": "r-1", "rank": 2}]
    responses = [
        {"value": ranking, "user_id": "u1", "status": "submitted", "inserted_at": "2026-01-02T03:04:05"},
        {"value": ranking, "user_id": "u2", "status": "submitted"},
        {"value": None, "user_id": "u3", "status": "discarded"},
    ]
    told = {"judgment": KEYS, "verdict": ["chosen", "edited", "none"], "person": ["Ada", None, "Cy"], "other": [1]}
    fields = {"prompt": "p", "r-1": "a", "r-2": "b", "note": "no rewrite"}
    record = {"fields": fields, "responses": {"rating": [{"value": 3}], "order": responses}, "metadata": told}
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert annotations_of("argilla", record) == [
        Annotation("chosen", ("b",), ("a",), ranks=(1.0, 2.0), origin=Origin("Ada", at, None, KEYS[0])),
        Annotation("edited", ("b",), ("a",), origin=Origin("u2", None, None, KEYS[1])),
        Annotation("none", (), ("b", "a"), origin=Origin("Cy", None, None, KEYS[2])),
    ]
    short = record | {"metadata": told | {"judgment": KEYS[:2], "verdict": "chosen"}}
    assert [one.origin.key for one in annotations_of("argilla", short) if isinstance(one, Annotation)] == ["", "", ""]
    assert FORMATS["argilla"].record(record).prompt == "p"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"value": ["r-2", "r-1"]}, ("chosen", ("b",), ("a", ), ("of the ranking, r-3 was placed nowhere",))),
        (
            {"value": [{"value": "r-1", "rank": 1}, {"value": "r-2", "rank": None}, {"value": "r-3", "rank": "2"}]},
            ("chosen", ("a",), ("c",), ("of the ranking, r-2 was placed nowhere",)),
        ),
        ({"value": ["r-1", "r-4"]}, "r-4 is not a text"),
        ({"value": [{"value": "r-1", "rank": "x"}, {"value": "r-2", "rank": 2}]}, "a rank is not a number"),
        ({"value": "good"}, "there is no ranking"),
        ({"value": []}, "there is no ranking"),
        ({"value": None, "status": "discarded"}, ("skipped", (), ("a", "b", "c"), ())),
        ({"value": ["r-1", "r-2"], "status": "draft"}, "the response by u1 is not submitted: its status is 'draft'"),
        (
            {"value": ["r-1", "r-2"], "status": "draft", "user_id": None},
            "the response is not submitted: its status is 'draft'",
        ),
    ],
)  # fmt: skip
def test_a_response_of_argilla_is_a_judgment_or_says_why_not(response: dict[str, Any], expected: Any) -> None:
    fields = {"prompt": "p", "r-1": "a", "r-2": "b", "r-3": "c", "count": 3}
    record = {"fields": fields, "responses": {"q": [{"user_id": "u1"} | response]}}
    (found,) = annotations_of("argilla", record)
    assert (found if isinstance(found, str) else (found.verdict, found.better, found.worse, found.unused)) == expected


@pytest.mark.parametrize(
    ("fields", "is_one"),
    [
        ({"fields": {}, "responses": []}, True),
        ({"fields": {}, "responses": [{}]}, True),
        ({"fields": {}, "responses": ["x"]}, False),
        ({"fields": {}, "responses": {}}, True),
        ({"fields": {}, "responses": "x"}, False),
        ({"fields": {}}, False),
        ({"q.responses": [["a"]], "q.responses.users": ["u"]}, True),
        ({"q.responses": "x", "q.responses.users": ["u"]}, False),
        ({"q.responses": [["a"]]}, False),
    ],
)
def test_a_record_of_argilla_is_known_by_its_fields(fields: dict[str, Any], is_one: bool) -> None:
    assert FORMATS["argilla"].fits(fields) is is_one


def test_a_task_of_label_studio_says_who_when_how_long_and_under_which_key() -> None:
    ranked = [{"type": "ranker", "value": {"ranker": {"chosen": ["c1"], "rejected": ["c2"]}}}]
    annotation = {"completed_by": 1, "created_at": "2026-01-02T03:04:05Z", "lead_time": 2.5, "result": ranked}
    record = {
        "data": {"prompt": "p", "candidates": CANDIDATES},
        "annotations": [annotation],
        "meta": {"judgment": KEYS[0]},
    }
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    unused = ("of the ranking, c3 was placed nowhere",)
    expected = Annotation("chosen", ("a",), ("b",), unused=unused, origin=Origin("annotator 1", at, 2.5, KEYS[0]))
    assert annotations_of("labelstudio", record) == [expected]
    own = record | {"annotations": [annotation | {"judgment": KEYS[1]}]}
    assert annotations_of("labelstudio", own) == [replace(expected, origin=replace(expected.origin, key=KEYS[1]))]
    twice = annotations_of("labelstudio", record | {"annotations": [annotation] * 2})
    assert twice == [replace(expected, origin=replace(expected.origin, key=""))] * 2
    cancelled = record | {"annotations": [annotation | {"was_cancelled": True}]}
    assert annotations_of("labelstudio", cancelled) == [
        Annotation("skipped", worse=("a", "b", "c"), origin=expected.origin)
    ]
    edited = record | {"annotations": [annotation | {"verdict": "edited"}]}
    assert annotations_of("labelstudio", edited) == [replace(expected, verdict="edited")]


def test_a_skipped_comparison_of_label_studio_shows_its_two_texts() -> None:
    record = pairwise("left", prompt="p", answer1="x", answer2="y")
    record["annotations"][0]["was_cancelled"] = True
    assert annotations_of("labelstudio", record) == [
        Annotation("skipped", worse=("x", "y"), origin=Origin("annotator 1"))
    ]


@pytest.mark.parametrize(
    ("data", "ranker", "expected"),
    [
        ({"other": CANDIDATES[:1], "items": CANDIDATES}, {"chosen": ["c1"], "rejected": ["c2", "c3"]}, ("a",)),
        ({"items": [{"id": 1, "title": "a"}, {"id": 2, "body": "b"}]}, {"chosen": [1], "rejected": [2]}, ("a",)),
        ({"items": CANDIDATES}, {"chosen": ["c9"], "rejected": ["c1"]}, "there is no candidate 'c9' in the task"),
        ({"items": [{"id": 1, "body": " "}]}, {"chosen": ["c1"], "rejected": []}, "the task has no list of candidates"),
    ],
)
def test_the_candidates_of_a_task_are_the_list_that_has_all_that_were_named(
    data: dict[str, Any], ranker: Any, expected: Any
) -> None:
    record = {"data": {"prompt": "p"} | data, "annotations": task(ranker)["annotations"]}
    (found,) = annotations_of("labelstudio", record)
    assert (found if isinstance(found, str) else found.better) == expected


def test_an_answer_of_prodigy_says_who_when_and_under_which_key() -> None:
    options = [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
    row = {"text": "p", "options": options, "accept": [2], "_timestamp": 1767323045, "judgment": KEYS[0]}
    record = FORMATS["prodigy"].record(row | {"_annotator_id": "ada", "_session_id": "set-ada"})  # type: ignore[misc]
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert record.prompt == "p"
    assert record.annotations == [Annotation("chosen", ("b",), ("a",), origin=Origin("ada", at, None, KEYS[0]))]


def test_a_row_of_our_table_says_all_that_a_judgment_has() -> None:
    row = {
        "prompt": "p",
        "candidates": ["a", "b", "c"],
        "verdict": "tie",
        "tied": [1, 3],
        "person": "Ada",
        "created_at": "2026-01-02T03:04:05Z",
        "seconds": 2.5,
        "judgment": KEYS[0],
        "reason": "because",
        "flagged": "True",
    }
    origin = Origin("Ada", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 2.5, KEYS[0])
    tie = Annotation("tie", ("a", "c"), ("b",), reason="because", flagged=True, origin=origin)
    assert annotations_of("judgments", row) == [tie]
    assert annotations_of("judgments", row | {"tied": []}) == [replace(tie, better=("a", "b", "c"), worse=())]
    fine = row | {"verdict": "fine", "chosen": "p", "flagged": False}
    assert annotations_of("judgments", fine) == [
        replace(tie, verdict="fine", better=("p",), worse=("a", "b", "c"), flagged=False)
    ]
    skip = annotations_of("judgments", row | {"verdict": "skipped"})
    assert skip == [replace(tie, verdict="skipped", better=(), worse=("a", "b", "c"))]
    assert annotations_of("judgments", row | {"gold": "true"}) == [
        "it is an attention check, which tells of a person and not of texts"
    ]
