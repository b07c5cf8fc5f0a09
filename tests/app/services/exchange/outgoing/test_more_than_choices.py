"""Rankings, ratings, tags and comments in files: what leaves a studio comes into another one as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Preference
from app.services.desk import judgments
from app.services.desk.judgment_request import JudgmentRequest
from app.services.exchange import exports
from app.services.exchange.outgoing.redaction import Choices, Redactor
from tests import factories
from tests.app.services.exchange.conftest import store
from tests.studio import Person, rows

WHOLE = ("judgments-jsonl", "judgments-csv", "labelstudio", "argilla")
"""Formats that hold all that was said."""
PAIRS = ("trl", "trl-chat", "seed", "llamafactory", "csv", "hh")
"""Formats that hold the pairs, which an order can be told from."""
ENDS = {"csv": "csv", "judgments-csv": "csv", "labelstudio": "json", "argilla": "json"}


@pytest.fixture
def judged(session: Session, annotator: Person) -> Judgment:
    """An order of three that has a rating, tags and a comment, and beside it a judgment of one card."""
    screen = factories.generation(session, annotator.id, ["a", "b", "c"], prompt=factories.prompt(session, "you fool"))
    one, two, three = [card.id for card in screen.candidates]
    body = {
        "generation_id": screen.id,
        "verdict": "chosen",
        "candidate_id": three,
        "ranking": [three, one, two],
        "remarks": [
            {"candidate_id": one, "rating": 4},
            {"candidate_id": two, "rating": 1, "tags": ["zu steif", "unfair"]},
        ],
        "comment": "Ask ada@example.org, who knows.",
    }
    number = judgments.judge(session, annotator.id, JudgmentRequest.parse(body, 500))
    return session.get_one(Judgment, number)


def exported(session: Session, format_name: str, redactor: Redactor | None = None) -> bytes:
    return b"".join(exports.content(session, format_name, redactor=redactor))


def said(judgment: Judgment) -> dict[str, Any]:
    """What a judgment says, by texts."""
    texts = {card.id: card.text for card in judgment.generation.candidates}
    remarks = {texts[one["candidate_id"]]: (one.get("rating"), one.get("tags")) for one in judgment.remarks or ()}
    order = [texts[number] for number in judgment.ranking or ()]
    return {"best": texts[judgment.candidate_id or 0], "order": order, "remarks": remarks, "comment": judgment.comment}


@pytest.mark.parametrize("format_name", [*WHOLE, *PAIRS])
def test_an_order_comes_back_from_every_format_and_the_rest_from_those_that_hold_all(
    session: Session, elsewhere: Session, judged: Judgment, write: Any, format_name: str
) -> None:
    expected = said(judged)
    file = write(f"file.{ENDS.get(format_name, 'jsonl')}", exported(session, format_name))
    importer = factories.user(elsewhere).id
    report = store(elsewhere, importer, file, judgments=True).report
    assert (report.judgments, report.unused_count, report.rejected) == (1, 0, [])
    (judgment,) = rows(elsewhere, Judgment)
    found = said(judgment)
    assert (found["best"], found["order"]) == ("c", ["c", "a", "b"])
    assert format_name in PAIRS or found == expected
    pairs = [(row.chosen, row.rejected, row.weight) for row in rows(elsewhere, Preference)]
    assert pairs == [("c", "a", 0.5), ("c", "b", 0.5), ("a", "b", 1.0)]
    again = store(elsewhere, importer, file, judgments=True).report
    assert (again.judgments, again.judgments_known) == (0, 1)


def test_kto_says_of_an_order_that_its_first_is_good_and_the_others_are_not(session: Session, judged: Judgment) -> None:
    labels = [json.loads(line) for line in exported(session, "kto").splitlines()]
    assert [(one["completion"], one["label"]) for one in labels] == [("c", True), ("a", False), ("b", False)]


def test_comments_and_tags_are_masked_like_reasons(session: Session, judged: Judgment) -> None:
    for format_name in WHOLE:
        text = exported(session, format_name, Redactor(session, Choices(personal="mask"))).decode()
        assert "ada@example.org" not in text
        assert "who knows" in text
