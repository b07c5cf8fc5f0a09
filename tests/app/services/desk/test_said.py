"""What a ranking says: its order and its pairs. The pairs of other judgments: test_judgments.py."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Preference
from app.domain_errors import Invalid
from app.services.desk import judgments
from app.services.desk.judgment_request import JudgmentRequest
from app.services.desk.said import ranked_pairs
from tests import factories
from tests.studio import Person, rows


def ranked(session: Session, annotator: Person, texts: list[str], order: list[int], gold: bool = False) -> int:
    screen = factories.generation(session, annotator.id, texts, gold=gold)
    ids = [screen.candidates[place].id for place in order]
    body = {"generation_id": screen.id, "verdict": "chosen", "candidate_id": ids[0], "ranking": ids}
    return judgments.judge(session, annotator.id, JudgmentRequest.parse(body, 500))


def test_a_ranking_chooses_its_first_and_yields_a_pair_of_every_two(session: Session, annotator: Person) -> None:
    ranked(session, annotator, ["a", "b", "c"], [1, 2, 0])
    (judgment,) = rows(session, Judgment)
    ids = {card.text: card.id for card in judgment.generation.candidates}
    assert judgment.candidate_id == ids["b"]
    assert judgment.ranking == [ids["b"], ids["c"], ids["a"]]
    pairs = [(row.chosen, row.rejected, row.weight) for row in rows(session, Preference)]
    # Each choice among those that are left weighs one, as in the likelihood of Plackett and Luce.
    assert pairs == [("b", "c", 0.5), ("b", "a", 0.5), ("c", "a", 1.0)]


def test_an_order_of_two_is_stored_as_a_choice(session: Session, annotator: Person) -> None:
    ranked(session, annotator, ["a", "b"], [1, 0])
    assert [one.ranking for one in rows(session, Judgment)] == [None]
    assert [(row.chosen, row.rejected, row.weight) for row in rows(session, Preference)] == [("b", "a", 1.0)]


def test_the_order_of_an_attention_check_teaches_nothing(session: Session, annotator: Person) -> None:
    ranked(session, annotator, ["a", "b", "c"], [0, 1, 2], gold=True)
    assert rows(session, Preference) == []


def test_two_rewrites_that_read_alike_are_no_pair() -> None:
    assert ranked_pairs(["a", "b", "b"]) == [("a", "b", 0.5), ("a", "b", 0.5)]


def test_an_order_names_every_candidate_of_the_screen(session: Session, annotator: Person) -> None:
    with pytest.raises(Invalid, match="ranking must name all candidates of the screen"):
        ranked(session, annotator, ["a", "b", "c"], [0, 1])
    screen = factories.generation(session, annotator.id)
    first = screen.candidates[0].id
    body = {"generation_id": screen.id, "verdict": "chosen", "candidate_id": first, "ranking": [first, 99, 98]}
    with pytest.raises(Invalid, match="Candidate 98 is not on this screen"):
        judgments.judge(session, annotator.id, JudgmentRequest.parse(body, 500))
