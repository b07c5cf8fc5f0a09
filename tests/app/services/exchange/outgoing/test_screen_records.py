"""What records of Label Studio and Argilla hold beside a ranking, and what is read of them again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment
from app.services.exchange import exports
from models.formats.annotations import Annotation
from models.formats.schemas.argilla import read_argilla
from tests import factories
from tests.studio import Person


@pytest.fixture
def judged(session: Session, annotator: Person) -> Judgment:
    """An order of three, with a rating of its second."""
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    one, two, three = [card.id for card in screen.candidates]
    rated = [{"candidate_id": one, "rating": 4}]
    return factories.judgment(session, screen, candidate_id=three, ranking=[three, one, two], remarks=rated)


def exported(session: Session, format_name: str) -> str:
    return "".join(exports.stream(session, format_name))


def test_an_order_is_the_ranks_of_a_record_and_the_order_of_a_task(session: Session, judged: Judgment) -> None:
    (task,), (record,) = (json.loads(exported(session, name)) for name in ("labelstudio", "argilla"))
    (annotation,) = task["annotations"]
    assert annotation["result"][0]["value"]["ranker"] == {"chosen": ["c3"], "rejected": ["c1", "c2"]}
    assert annotation["ranking"] == ["c3", "c1", "c2"]
    assert annotation["remarks"] == [{"candidate": "c1", "rating": 4}]
    (response,) = record["responses"]["ranking"]
    ranks = [("response-3", 1), ("response-1", 2), ("response-2", 3)]
    assert [(one["value"], one["rank"]) for one in response["value"]] == ranks


def test_a_choice_has_no_field_more_than_before(session: Session, annotator: Person) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    (task,), (record,) = (json.loads(exported(session, name)) for name in ("labelstudio", "argilla"))
    assert not {"ranking", "remarks", "comment"} & set(task["annotations"][0])
    assert set(record["metadata"]) == {"judgment", "verdict", "person"}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"remarks": [{"candidate": "response-9"}]}, "a remark is on none of the candidates"),
        ({"remarks": [{"candidate": "response-1", "rating": 7}]}, "a rating is '7', and not from 1 to 5"),
        ({"remarks": [{"candidate": "response-1", "tags": ["x" * 41]}]}, "its tags are not at most 20 names"),
    ],
)
def test_what_is_no_remark_is_told(session: Session, judged: Judgment, more: dict[str, Any], reason: str) -> None:
    (record,) = json.loads(exported(session, "argilla"))
    record["metadata"]["judgment_remarks"] = [json.dumps(more)]
    (found,) = read_argilla(record).annotations
    assert isinstance(found, str)
    assert reason in found


def test_an_order_of_another_tool_is_taken_over_as_one(session: Session, judged: Judgment) -> None:
    (record,) = json.loads(exported(session, "argilla"))
    del record["metadata"]
    (found,) = read_argilla(record).annotations
    assert isinstance(found, Annotation)
    assert found.ranking == ("c", "a", "b")
