"""The rows of the data set of judgments: every verdict, in the order shown."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db import Verdict
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from app.services.exchange.hub import judgment_rows
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.outgoing.redaction import Choices, Redactor
from tests import factories
from tests.studio import Person


def test_every_verdict_says_what_was_best(session: Session, annotator: Person) -> None:
    screens = [factories.generation(session, annotator.id, ["a", "b", "c"]) for _ in range(6)]
    ids = [[card.id for card in screen.candidates] for screen in screens]
    for gesture in (
        JudgmentRequest(screens[0].id, Verdict.CHOSEN, candidate_id=ids[0][1]),
        JudgmentRequest(screens[1].id, Verdict.EDITED, edited_text="mine"),
        JudgmentRequest(screens[2].id, Verdict.TIE, tied=(ids[2][0], ids[2][2])),
        JudgmentRequest(screens[3].id, Verdict.TIE),
        JudgmentRequest(screens[4].id, Verdict.NONE),
        JudgmentRequest(screens[5].id, Verdict.SKIPPED, reason="no", flagged=True),
    ):
        judgments.judge(session, annotator.id, gesture)
    made = list(judgment_rows.rows(session, JudgmentFilter(), False, Redactor(session, Choices())))
    assert [(row["verdict"], row["position"], row["tied"], row["chosen"]) for row in made] == [
        ("chosen", 2, [], "b"),
        ("edited", None, [], "mine"),
        ("tie", None, [1, 3], None),
        ("tie", None, [1, 2, 3], None),
        ("none", None, [], None),
        ("skipped", None, [], None),
    ]
    assert {tuple(row["candidates"]) for row in made} == {("a", "b", "c")}
    assert (made[-1]["reason"], made[-1]["flagged"]) == ("no", True)
    assert all(list(row) == list(judgment_rows.COLUMNS) for row in made)


def test_a_row_has_each_column_and_a_person_without_a_name_and_nothing_personal_if_asked(
    session: Session, annotator: Person
) -> None:
    prompt = factories.prompt(session, "ask bo@example.org", source="list of bo@example.org", metadata_={"id": 7})
    screen = factories.generation(session, annotator.id, ["a", "b"], prompt=prompt)
    judgment = factories.judgment(
        session, screen, candidate_id=screen.candidates[1].id, seconds=2.5, reason="bo@example.org knows"
    )
    redactor = Redactor(session, Choices(personal="mask"))
    (row,) = judgment_rows.rows(session, JudgmentFilter(), True, redactor)
    person = row.pop("person")
    assert person
    assert person != annotator.email
    assert row == {
        "judgment": judgment.client_key,
        "prompt": "ask [email]",
        "candidates": ["a", "b"],
        "verdict": "chosen",
        "position": 2,
        "tied": [],
        "chosen": "b",
        "created_at": judgment.created_at,
        "seconds": 2.5,
        "version": 1,
        "versions": [1, 1],
        "source": "list of [email]",
        "reason": "[email] knows",
        "flagged": False,
        "ranking": [],
        "ratings": [],
        "tags": [],
        "kind": "opinion",
        "decided_by": None,
        "metadata": '{"id": 7}',
    }


def test_attention_checks_are_left_out(session: Session, annotator: Person) -> None:
    factories.judgment(session, factories.generation(session, annotator.id, gold=True), pairs=False)
    assert list(judgment_rows.rows(session, JudgmentFilter(), False, Redactor(session, Choices()))) == []
