"""Which clicks a run learns from, how many they are, and what is new among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, RunStatus
from app.errors import Invalid
from app.services.training import kto_rows, preference_rows
from app.services.training.selection import EVERYTHING, Selection
from tests import factories
from tests.studio import parts

ALL = 2**31 - 1


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session


def judge(session: Session, person: int, prompt: Prompt, text: str, day: int = 1, **values: Any) -> Judgment:
    """`text` chosen over two others on a screen of that person's."""
    screen = factories.generation(session, person, [text, f"not {text}", "neither"], prompt=prompt)
    return factories.judgment(session, screen, created_at=datetime(2026, 1, day, 23, 59, tzinfo=UTC), **values)


def chosen(session: Session, selection: Selection) -> list[str]:
    rows = preference_rows.preference_rows(session, ALL, selection)
    assert len(rows) == preference_rows.count_pairs(session, ALL, selection)
    return [text for _, text, rejected, _ in rows if rejected == "neither"]


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


def test_an_amount_says_how_much_a_selection_holds(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    prompt = factories.prompt(either)
    judge(either, ada, prompt, "a")
    judge(either, bob, prompt, "b")
    judge(either, bob, factories.prompt(either), "c", verdict="none", candidate_id=None, pairs=False)
    amount = preference_rows.amount(either, "kto")
    assert (amount.judgments, amount.pairs, amount.prompts, amount.people, amount.none_good) == (2, 4, 1, 2, 1)
    of_bob = preference_rows.amount(either, "dpo", Selection(people=(bob,)))
    assert (of_bob.judgments, of_bob.pairs, of_bob.people, of_bob.none_good) == (1, 2, 1, 0)


def test_news_is_what_came_after_the_last_run_that_ended_well(either: Session) -> None:
    ada, bob = factories.user(either).id, factories.user(either).id
    old = judge(either, ada, factories.prompt(either), "old")
    run = factories.run(either, RunStatus.SUCCEEDED, last_judgment_id=old.id)
    factories.run(either, RunStatus.FAILED, last_judgment_id=old.id + 9)
    judge(either, bob, factories.prompt(either), "new")
    judge(either, bob, factories.prompt(either), "x", verdict="none", candidate_id=None, pairs=False)
    news = preference_rows.news(either)
    assert (news.judgments, news.people, news.since_run) == (1, 1, run.id)
    assert news.verdicts == {"chosen": 1, "none": 1}


def test_the_people_and_sources_to_choose_from_are_those_that_there_are(either: Session) -> None:
    ada = factories.user(either, name="Ada")
    factories.user(either, name="Idle")
    judge(either, ada.id, factories.prompt(either, source="typed"), "a")
    factories.prompt(either, source="file.csv")
    factories.prompt(either, source="file.csv")
    assert [person.name for person in preference_rows.people(either)] == ["Ada"]
    assert preference_rows.sources(either) == ["file.csv", "typed"]


def test_a_tie_marks_the_tied_texts_good_and_the_rest_bad_unless_all_are_tied(either: Session) -> None:
    ada = factories.user(either).id
    for tied in ([0, 2], [0, 1, 2], None):
        screen = factories.generation(either, ada, ["a", "b", "c"])
        ids = [screen.candidates[place].id for place in tied] if tied else None
        factories.judgment(either, screen, verdict="tie", candidate_id=None, pairs=False, tied=ids)
    gold = factories.generation(either, ada, ["d", "e"], gold=True)
    factories.judgment(either, gold, verdict="none", candidate_id=None, pairs=False)
    marked = [(text, good) for _, text, good in kto_rows.unpaired_rows(either, ALL)]
    assert marked == [("a", True), ("b", False), ("c", True)]
    assert kto_rows.last_marked(either) == 2, "attention checks mark no text"


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
        {},
    ],
)
def test_a_selection_is_read_back_as_it_was_written(body: dict[str, object]) -> None:
    assert Selection.parse(body).as_dict() == body
    assert bool(Selection.parse(body).describe()) == bool(body)


def test_what_no_database_can_store_is_refused() -> None:
    with pytest.raises(Invalid, match=r"^sources holds characters that cannot be stored\.$"):
        Selection.parse({"sources": ["a\x00b"]})
