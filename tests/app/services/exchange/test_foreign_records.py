"""Records as Label Studio and Argilla write them, brought to the one shape that is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Candidate, Judgment, Preference
from app.services.exchange.foreign_records import known_shape, with_prompt
from tests.app.services.exchange.conftest import look, store
from tests.studio import Person, rows

LABEL_STUDIO = {
    "id": 7,
    "data": {"prompt": "you fool", "answers": [{"id": "a", "body": "you are wrong"}, {"id": "b", "body": "you idiot"}]},
    "annotations": [
        {
            "id": 12,
            "completed_by": 1,
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 3.5,
            "result": [
                {
                    "id": "x1",
                    "type": "ranker",
                    "origin": "manual",
                    "from_name": "rank",
                    "to_name": "answers",
                    "value": {"ranker": {"_": [], "chosen": ["a"], "rejected": ["b"]}},
                }
            ],
        },
        {"id": 13, "was_cancelled": True, "result": []},
    ],
    "predictions": [],
    "meta": {},
}


LABEL_STUDIO_ORDER = LABEL_STUDIO | {
    "annotations": [{"result": [{"type": "ranker", "value": {"ranker": {"rank": ["a", "b"]}}}]}]
}


ARGILLA_SERVER = {
    "fields": {"prompt": "you fool", "first": "you are wrong", "second": "you idiot"},
    "responses": [
        {
            "values": {"order": {"value": [{"value": "first", "rank": 1}, {"value": "second", "rank": 2}]}},
            "status": "submitted",
            "user_id": "6c1cbdbf-1b1f-4f7a-b94c-6a2a8bd5a3a4",
        }
    ],
    "external_id": "9",
}


ARGILLA_CLIENT = {
    "id": "9",
    "fields": {"prompt": "you fool", "first": "you are wrong", "second": "you idiot"},
    "metadata": {},
    "suggestions": {},
    "responses": {"order": [{"value": ["first", "second"], "user_id": "6c1cbdbf-1b1f-4f7a-b94c-6a2a8bd5a3a4"}]},
    "vectors": {},
    "status": "completed",
}


@pytest.mark.parametrize(
    "record",
    [LABEL_STUDIO, LABEL_STUDIO_ORDER, ARGILLA_SERVER, ARGILLA_CLIENT],
    ids=["label-studio-buckets", "label-studio-order", "argilla-server", "argilla-client"],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_files_of_label_studio_and_argilla_bring_their_judgments(
    session: Session, admin: Person, write: Any, record: dict[str, Any], name: str
) -> None:
    path = write(name, json.dumps([record] if name == "a.json" else record))
    found = look(session, path)
    assert (found.found.judged, found.judgments, found.usable) == (True, 1, 1)
    assert found.sample[0]["text"] == "you fool"
    assert found.sample[0]["chosen"] == ["you are wrong"]
    for new in (1, 0):
        report = store(session, admin, path, judgments=True, source="elsewhere").report
        assert report.judgments == new, "the same judgment is taken over once"
    (judgment,) = rows(session, Judgment)
    assert (judgment.user_id, judgment.verdict, judgment.seconds) == (admin.id, "chosen", None)
    assert [(row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)] == [
        ("you fool", "you are wrong", "you idiot")
    ]
    assert {row.version_number for row in rows(session, Candidate)} == {None}
    assert judgment.generation.sampling == {"imported_from": "elsewhere"}


def test_an_annotation_that_was_cancelled_is_left_out() -> None:
    kept = known_shape(LABEL_STUDIO)["annotations"]
    assert isinstance(kept, list)
    assert [one["id"] for one in kept] == [12]


def test_the_list_of_a_task_is_found_whatever_its_name_and_one_named_candidates_is_kept() -> None:
    answers = [{"id": "a", "body": "you are wrong"}, {"id": "b", "body": "you idiot"}]
    task = known_shape(LABEL_STUDIO)["data"]
    assert task == {"prompt": "you fool", "answers": answers, "candidates": answers}
    own = [{"id": "c1", "body": "you"}]
    both = known_shape(LABEL_STUDIO | {"data": {"answers": answers, "candidates": own}})["data"]
    assert both == {"answers": answers, "candidates": own}


def test_an_order_without_buckets_is_the_best_and_all_the_others() -> None:
    three = {"annotations": [{"result": [{"type": "ranker", "value": {"ranker": {"rank": ["b", "a", "c"]}}}]}]}
    (annotation,) = json.loads(json.dumps(known_shape(LABEL_STUDIO | three)["annotations"]))
    assert annotation["result"][0]["value"] == {"ranker": {"chosen": ["b"], "rejected": ["a", "c"]}}


@pytest.mark.parametrize("record", [ARGILLA_SERVER, ARGILLA_CLIENT], ids=["server", "client"])
def test_a_ranking_of_argilla_stands_under_ranking_with_ranks(record: dict[str, Any]) -> None:
    (response,) = json.loads(json.dumps(known_shape(record)["responses"]))
    assert response["values"] == {"ranking": {"value": [{"value": "first", "rank": 1}, {"value": "second", "rank": 2}]}}


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "you fool", "chosen": "you are wrong", "rejected": "you idiot"},
        {"data": {"prompt": "you fool"}},
        {"fields": "first", "responses": []},
        {},
    ],
)
def test_any_other_record_is_left_as_it_is(fields: dict[str, object]) -> None:
    assert known_shape(fields) == fields


def test_a_prompt_is_put_where_the_record_keeps_it() -> None:
    assert with_prompt({"data": {"prompt": "old", "n": 1}}, "new") == {"data": {"prompt": "new", "n": 1}}
    assert with_prompt({"fields": {"first": "a"}}, "new") == {"fields": {"first": "a", "prompt": "new"}}
    assert with_prompt({"data": "a text"}, "new") == {"data": "a text", "prompt": "new"}
