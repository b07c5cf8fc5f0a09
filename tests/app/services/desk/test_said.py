"""What is said beside a choice: an order with its pairs, ratings, tags and comments. Other pairs: test_judgments.py."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Preference, Verdict
from app.domain_errors import Conflict, Invalid
from app.services.desk import judgments, own_judgments
from app.services.desk.judgment_request import JudgmentRequest
from app.services.desk.said import ranked_pairs
from tests import factories
from tests.studio import Person, rows

KEY = "6f1b7c1e-6d0c-4a53-9f0a-0d6a4d1f5b11"


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


def sent(screen: Any, verdict: str = "none", **fields: Any) -> JudgmentRequest:
    return JudgmentRequest.parse({"generation_id": screen.id, "verdict": verdict, **fields}, 500)


def test_ratings_and_tags_are_stored_in_the_order_shown_with_any_verdict(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id, ["a", "b", "c"])
    one, two, three = [card.id for card in screen.candidates]
    said = [
        {"candidate_id": three, "tags": [" stiff", "stiff", "ünfair"]},
        {"candidate_id": two},
        {"candidate_id": one, "rating": 2},
    ]
    judgments.judge(session, annotator.id, sent(screen, remarks=said, comment=" Is this irony? "))
    (judgment,) = rows(session, Judgment)
    assert judgment.remarks == [
        {"candidate_id": one, "rating": 2},
        {"candidate_id": three, "tags": ["stiff", "ünfair"]},
    ]
    assert (judgment.verdict, judgment.comment) == (Verdict.NONE, "Is this irony?")


def test_the_same_with_other_remarks_is_another_judgment(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    rated = sent(screen, remarks=[{"candidate_id": screen.candidates[0].id, "rating": 5}], client_key=KEY)
    number = judgments.judge(session, annotator.id, rated)
    assert judgments.judge(session, annotator.id, rated) == number
    with pytest.raises(Conflict):
        judgments.judge(session, annotator.id, sent(screen))
    with pytest.raises(Conflict):
        judgments.judge(session, annotator.id, sent(screen, comment="no"))


def test_what_is_undone_is_made_again_with_all_that_was_said(session: Session, annotator: Person) -> None:
    screen = factories.generation(session, annotator.id)
    ids = [card.id for card in screen.candidates]
    said = {
        "candidate_id": ids[1],
        "ranking": [ids[1], ids[2], ids[0]],
        "remarks": [{"candidate_id": ids[0], "rating": 1, "tags": ["stiff"]}],
        "comment": "close",
    }
    number = judgments.judge(session, annotator.id, sent(screen, "chosen", **said))
    judgments.undo(session, annotator.id, number)
    first = own_judgments.own(session, annotator.id, number)
    again = JudgmentRequest.parse(own_judgments.same_again(first), 500)
    judgments.judge_again(session, annotator.id, again, first)
    undone, standing = rows(session, Judgment)
    assert (standing.ranking, standing.remarks, standing.comment) == (undone.ranking, undone.remarks, undone.comment)
    assert standing.remarks == said["remarks"]
    assert judgments.judge_again(session, annotator.id, again, first) == standing.id


@pytest.mark.parametrize(
    ("remarks", "sentence"),
    [
        ([{"candidate_id": 1, "rating": 6}], "rating must be a whole number from 1 to 5."),
        ([{"candidate_id": 1, "rating": 2.5}], "rating must be a whole number from 1 to 5."),
        ([{"candidate_id": 1, "tags": ["x"] * 21}], "tags must be a list of at most 20 names."),
        ([{"candidate_id": 1, "tags": [3]}], "A tag must be a text of 1 to 40 characters."),
        ([{"candidate_id": 1, "tags": ["x" * 41]}], "The text has 41 characters and may have at most 40."),
        ([{"candidate_id": 1, "stars": 3}], "There is no field 'stars' here: it takes candidate_id, rating, tags."),
        ([{"candidate_id": 1}, {"candidate_id": 1}], "Candidate 1 has two remarks: send one."),
        ([{"candidate_id": 99}], "Candidate 99 is not on this screen."),
        ("good", "remarks must be a list of remarks on candidates."),
    ],
)
def test_a_wrong_remark_is_refused_with_a_sentence(
    session: Session, annotator: Person, remarks: Any, sentence: str
) -> None:
    screen = factories.generation(session, annotator.id)
    assert screen.candidates[0].id == 1
    with pytest.raises(Invalid, match=sentence):
        judgments.judge(session, annotator.id, sent(screen, remarks=remarks))
    assert rows(session, Judgment) == []
