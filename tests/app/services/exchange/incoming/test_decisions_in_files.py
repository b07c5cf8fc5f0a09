"""A decision leaves with what it decides, and decides it wherever the file is imported."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Review, Verdict
from app.services.exchange import exports
from app.services.exchange.personal import rows as personal
from app.services.review import decisions, looking
from app.services.review.decision_request import DecisionRequest
from app.services.system import authorship
from app.services.training import preference_rows
from tests import factories
from tests.app.services.exchange.conftest import store
from tests.app.services.review.conftest import TEXTS, say
from tests.studio import Person, make_person, rows

BETTER = "a better text"
SAID = DecisionRequest(verdict=Verdict.EDITED, edited_text=BETTER, reason="Kinder.")


@pytest.fixture
def decided(session: Session, annotator: Person, admin: Person) -> Judgment:
    """A decision of the admin of what two annotators said."""
    prompt = factories.prompt(session)
    for person, text in zip((annotator, make_person(annotator.app, session)), TEXTS, strict=False):
        say(session, factories.generation(session, person.id, TEXTS, prompt=prompt), text)
    looking.look(session)
    number = decisions.decide(session, admin.id, rows(session, Review)[0].id, SAID)
    return session.get_one(Judgment, number)


def lines(session: Session, name: str) -> list[Any]:
    return [json.loads(line) for line in exports.stream(session, name)]


def test_pairs_are_those_of_the_decision_and_the_table_has_all(session: Session, decided: Judgment) -> None:
    assert {row["chosen"] for row in lines(session, "trl")} == {BETTER}
    assert {row["completion"] for row in lines(session, "kto") if row["label"]} == {BETTER}
    key = decided.client_key
    told = [(row["kind"], row["decided_by"], row["reason"]) for row in lines(session, "judgments-jsonl")]
    assert told == [("opinion", key, None), ("opinion", key, None), ("decision", None, "Kinder.")]
    (_, other) = json.loads("".join(exports.stream(session, "labelstudio")))
    assert [one["ground_truth"] for one in other["annotations"]] == [True]


@pytest.mark.parametrize("name", ["judgments-jsonl", "judgments-csv"])
def test_a_table_of_judgments_brings_its_decisions_and_what_they_decide(
    session: Session, elsewhere: Session, decided: Judgment, write: Any, name: str
) -> None:
    ending = name.rpartition("-")[2]
    file = write(f"judgments.{ending}", "".join(exports.stream(session, name)))
    importer = factories.user(elsewhere).id
    store(elsewhere, importer, file, judgments=True, queue=False)
    taken = [(one.decision, one.decided_by, one.reason) for one in rows(elsewhere, Judgment)]
    assert taken == [(False, 3, None), (False, 3, None), (True, None, "Kinder.")]
    assert {good for _, good, *_ in preference_rows.preference_rows(elsewhere, 3)} == {BETTER}
    assert [one.state for one in rows(elsewhere, Review)] == ["decided"]
    before = lines(elsewhere, "judgments-jsonl")
    store(elsewhere, importer, file, judgments=True, queue=False)
    assert lines(elsewhere, "judgments-jsonl") == before


@pytest.mark.parametrize("name", ["labelstudio", "argilla"])
def test_the_records_of_other_tools_bring_the_decision_back(
    session: Session, elsewhere: Session, decided: Judgment, write: Any, name: str
) -> None:
    file = write("records.json", "".join(exports.stream(session, name)))
    store(elsewhere, factories.user(elsewhere).id, file, judgments=True, queue=False)
    assert {one.client_key for one in rows(elsewhere, Judgment) if one.decision} == {decided.client_key}


def test_what_is_stored_of_a_reviewer_says_what_was_a_decision(
    session: Session, decided: Judgment, admin: Person
) -> None:
    (row,) = personal.judgments(session, authorship.written_by(admin.id))
    assert (row["decision"], row["reason"], row["edited_text"]) == (True, "Kinder.", BETTER)
