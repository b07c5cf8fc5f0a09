"""Which clicks a selection takes, how it is read, and how it is put into words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, write_transaction
from app.domain_errors import Invalid
from app.services.training import preference_rows
from app.services.training.reward import judged
from app.services.training.selection import EVERYTHING, Selection
from tests import factories

ALL = 2**31 - 1


def judge(session: Session, person: int, prompt: Prompt, text: str, day: int = 1, **values: Any) -> Judgment:
    """`text` chosen over two others on a screen of that person's."""
    screen = factories.generation(session, person, [text, f"not {text}", "neither"], prompt=prompt)
    return factories.judgment(session, screen, created_at=datetime(2026, 1, day, 23, 59, tzinfo=UTC), **values)


def chosen(session: Session, selection: Selection) -> list[str]:
    rows = preference_rows.preference_rows(session, ALL, selection)
    assert len(rows) == preference_rows.count_pairs(session, ALL, selection)
    return [text for _, text, rejected, *_ in rows if rejected == "neither"]


def test_a_selection_takes_the_clicks_of_some_people_days_and_sources(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    typed, filed = factories.prompt(either, source="typed"), factories.prompt(either, source="file.csv")
    judge(either, ada, typed, "a", day=1)
    judge(either, bob, typed, "b", day=2)
    judge(either, bob, filed, "c", day=3)
    assert chosen(either, EVERYTHING) == ["a", "b", "c"]
    assert chosen(either, Selection(people=(bob,))) == ["b", "c"]
    assert chosen(either, Selection(sources=("typed",))) == ["a", "b"]
    assert chosen(either, Selection(from_day=date(2026, 1, 2))) == ["b", "c"]
    assert chosen(either, Selection(to_day=date(2026, 1, 2))) == ["a", "b"], "the last day counts to its end"
    assert chosen(either, Selection(people=(bob,), sources=("typed",), to_day=date(2026, 1, 2))) == ["b"]


def test_disputed_answers_are_left_out_and_those_of_a_single_judge_are_not(either: Session) -> None:
    people = [factories.user(either).id for _ in range(3)]
    alone, disputed, none = (factories.prompt(either) for _ in range(3))
    judge(either, people[0], alone, "alone")
    for person, text in zip(people, ("common", "rare", "common"), strict=True):
        judge(either, person, disputed, text)
    judge(either, people[0], none, "good enough")
    for person in people[1:]:
        judge(either, person, none, "x", verdict="none", candidate_id=None, pairs=False)
    judge(either, people[1], disputed, "undone", undone_at=datetime(2026, 1, 2, tzinfo=UTC))
    judge(either, people[2], alone, "skipped", verdict="skipped", candidate_id=None, pairs=False)
    # Two of three chose "common", one "rare"; two of three found none good where one chose a text.
    assert chosen(either, Selection(min_agreement=0.3)) == ["alone", "common", "rare", "common", "good enough"]
    assert chosen(either, Selection(min_agreement=0.5)) == ["alone", "common", "common"]
    assert chosen(either, Selection(min_agreement=2 / 3)) == ["alone", "common", "common"]
    assert chosen(either, Selection(min_agreement=1.0)) == ["alone"]


def test_what_was_written_counts_as_the_choice_and_not_what_it_was_written_over(either: Session) -> None:
    people = [factories.user(either).id for _ in range(3)]
    prompt = factories.prompt(either)
    for person, written in zip(people, ("this", "this", "that"), strict=True):
        judge(either, person, prompt, "drawn", verdict="edited", edited_text=written)
    assert len(chosen(either, Selection(min_agreement=0.6))) == 2
    assert len(chosen(either, Selection(min_agreement=1.0))) == 0


def test_people_of_an_imported_file_are_judges_of_their_own(either: Session) -> None:
    importer, prompt = factories.user(either).id, factories.prompt(either)
    for name, text in (("Ada", "common"), ("Ben", "common"), ("Cat", "rare")):
        judge(either, importer, prompt, text, annotator=name)
    assert chosen(either, Selection(min_agreement=0.6)) == ["common", "common"]


@pytest.mark.parametrize(
    "body",
    [
        {
            "people": [1, 2],
            "sources": ["typed"],
            "from_day": "2026-01-01",
            "to_day": "2026-01-31",
            "min_agreement": 0.5,
        },
        {"people": [7]},
        {"without": ["7", "imported:Cy"]},
        {},
    ],
)
def test_a_selection_is_read_back_as_it_was_written(body: dict[str, object]) -> None:
    assert Selection.parse(body).as_dict() == body
    assert bool(Selection.parse(body).describe()) == bool(body)


def test_what_a_decision_decided_is_read_where_the_decision_is_not(either: Session) -> None:
    ada, reviewer = factories.user(either).id, factories.user(either).id
    prompt = factories.prompt(either)
    opinion = judge(either, ada, prompt, "opinion", day=1)
    decision = judge(either, reviewer, prompt, "decision", day=3, decision=True)
    with write_transaction(either):
        opinion.decided_by = decision.id
    assert chosen(either, EVERYTHING) == ["decision"]
    assert chosen(either, Selection(people=(ada, reviewer))) == ["decision"]
    assert chosen(either, Selection(people=(ada,))) == ["opinion"]
    assert chosen(either, Selection(without=(str(reviewer),))) == ["opinion"]
    assert chosen(either, Selection(to_day=date(2026, 1, 2))) == ["opinion"]
    assert chosen(either, Selection(from_day=date(2026, 1, 2))) == ["decision"]
    assert chosen(either, Selection(without=(str(ada),))) == ["decision"]


def test_what_is_decided_after_the_last_click_of_a_run_is_read_by_it_as_it_was_said(either: Session) -> None:
    ada, prompt = factories.user(either).id, factories.prompt(either)
    opinion = judge(either, ada, prompt, "opinion")
    decision = judge(either, factories.user(either).id, prompt, "decision", decision=True)
    with write_transaction(either):
        opinion.decided_by = decision.id
    for selection in (EVERYTHING, Selection(people=(ada,))):
        rows = preference_rows.preference_rows(either, opinion.id, selection)
        assert {text for _, text, *_ in rows} == {"opinion"}
        assert judged.standing(either, *selection.conditions(opinion.id)) == [opinion.id]
    assert judged.standing(either, *EVERYTHING.conditions(decision.id)) == [decision.id]


def test_people_are_left_out_by_who_judged_and_not_by_who_imported_it(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    judge(either, ada, factories.prompt(either), "a")
    judge(either, bob, factories.prompt(either), "b")
    judge(either, ada, factories.prompt(either), "c", annotator="Cy", imported=True)
    assert chosen(either, Selection(without=(str(ada),))) == ["b", "c"]
    assert chosen(either, Selection(without=("imported:Cy", str(bob)))) == ["a"]
    assert chosen(either, Selection(people=(ada,), without=("imported:Cy",))) == ["a"]


def test_what_no_database_can_store_is_refused() -> None:
    with pytest.raises(Invalid, match=r"^sources holds characters that cannot be stored\.$"):
        Selection.parse({"sources": ["a\x00b"]})


def test_a_click_that_came_later_than_the_last_one_of_a_run_is_not_taken(either: Session) -> None:
    ada = factories.user(either).id
    first = judge(either, ada, factories.prompt(either), "first")
    judge(either, ada, factories.prompt(either), "later")
    rows = preference_rows.preference_rows(either, first.id, EVERYTHING)
    assert {chosen for _, chosen, *_ in rows} == {"first"}


def test_a_selection_is_put_into_words() -> None:
    everybody = Selection.parse({"people": [3, 1, 3], "sources": ["typed", "file.csv"], "min_agreement": 0.75})
    assert everybody.people == (1, 3), "each person once, in order"
    assert everybody.describe() == ("of 2 people, on prompts from file.csv, typed, that 75 % of the judges agree with")
    assert Selection(without=("1",)).describe() == "without one person"
    assert Selection(people=(3, 1), without=("1", "imported:Cy")).describe() == "of 2 people, without 2 people"
    days = Selection(people=(1,), from_day=date(2026, 1, 1), to_day=date(2026, 1, 31))
    assert days.describe() == "of one person, from 2026-01-01 on, until 2026-01-31"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "selection must be an object."),
        ({"who": 1, "whom": 2}, "There is no field 'who' in a selection."),
        ({"people": [True]}, "people must be a list of the ids of people, at most 200 of them."),
        ({"people": [1] * 201}, "people must be a list of the ids of people, at most 200 of them."),
        ({"people": [0]}, "people must be a list of the ids of people."),
        ({"people": [2**31]}, "people must be a list of the ids of people."),
        ({"without": [1]}, "without must be a list of those who judged, as texts, at most 200 of them."),
        ({"without": ["1"] * 201}, "without must be a list of those who judged, as texts, at most 200 of them."),
        ({"without": ["a\x00b"]}, "without holds characters that cannot be stored."),
        ({"from_day": "2026-02-30"}, "from_day must be a day such as 2026-01-31."),
        ({"to_day": "20260131"}, "to_day must be a day such as 2026-01-31."),
        ({"from_day": "2026-02-01", "to_day": "2026-01-31"}, "from_day must not be after to_day."),
        ({"min_agreement": True}, "min_agreement must be a number from 0 to 1."),
        ({"min_agreement": float("nan")}, "min_agreement must be a number from 0 to 1."),
    ],
)
def test_a_selection_that_cannot_be_understood_is_refused_with_one_sentence(body: object, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Selection.parse(body)
    assert str(refusal.value) == sentence
