"""Which clicks a run learns from, how many they are, and what is new among them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, RunStatus, write_transaction
from app.services.prompts import studio_settings
from app.services.training import preference_rows
from app.services.training.selection import Selection
from tests import factories

ALL = 2**31 - 1


def judge(session: Session, person: int, prompt: Prompt, text: str, day: int = 1, **values: Any) -> Judgment:
    """`text` chosen over two others on a screen of that person's."""
    screen = factories.generation(session, person, [text, f"not {text}", "neither"], prompt=prompt)
    return factories.judgment(session, screen, created_at=datetime(2026, 1, day, 23, 59, tzinfo=UTC), **values)


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
    news = preference_rows.new_clicks(either)
    assert (news.judgments, news.people, news.since_run) == (1, 1, run.id)
    assert (news.verdicts, news.silent) == ({"chosen": 1}, {"none": 1})


def test_answers_that_came_too_quickly_are_left_out_of_rows_and_counts(either: Session) -> None:
    """Under one second by default; what nobody timed and what a file says stay."""
    ada = factories.user(either).id
    judge(either, ada, factories.prompt(either), "quick", seconds=0.99)
    judge(either, ada, factories.prompt(either), "slow", seconds=1.0)
    judge(either, ada, factories.prompt(either), "untimed")
    judge(either, ada, factories.prompt(either), "filed", seconds=0.1, imported=True)
    judge(either, ada, factories.prompt(either), "x", verdict="none", candidate_id=None, pairs=False, seconds=0.2)

    def learned() -> list[str]:
        return list(dict.fromkeys(chosen for _, chosen, *_ in preference_rows.preference_rows(either, ALL)))

    assert learned() == ["slow", "untimed", "filed"]
    amount, news = preference_rows.amount(either, "kto"), preference_rows.new_clicks(either)
    assert (amount.judgments, amount.pairs, amount.none_good, amount.hurried) == (3, 6, 0, 1)
    assert (news.judgments, news.hurried, news.silent) == (3, 2, {})
    studio_settings.change(either, ada, {"least_seconds": 0})
    assert learned() == ["quick", "slow", "untimed", "filed"]
    amount, news = preference_rows.amount(either, "kto"), preference_rows.new_clicks(either)
    assert (amount.judgments, amount.none_good, amount.hurried) == (4, 1, 0)
    assert (news.judgments, news.hurried, news.silent) == (4, 0, {"none": 1})


def test_a_last_click_that_came_too_quickly_is_not_the_last_one_to_learn_from(either: Session) -> None:
    ada = factories.user(either).id
    slow = judge(either, ada, factories.prompt(either), "slow", seconds=2.0)
    judge(either, ada, factories.prompt(either), "quick", seconds=0.1)
    assert preference_rows.last_judgment(either, "kto") == slow.id


def test_a_decision_from_which_nothing_is_learned_is_known_to_a_run_that_is_requested_after_it(either: Session) -> None:
    ada, prompt = factories.user(either).id, factories.prompt(either)
    opinion, other = judge(either, ada, prompt, "opinion"), judge(either, ada, factories.prompt(either), "other")
    screen = factories.generation(either, factories.user(either).id, prompt=prompt)
    decision = factories.judgment(either, screen, pairs=False, verdict="none", candidate_id=None, decision=True)
    assert preference_rows.last_judgment(either, "dpo") == other.id
    with write_transaction(either):
        opinion.decided_by = decision.id
    last = preference_rows.last_judgment(either, "dpo")
    assert last == decision.id
    assert {number for _, _, _, number, *_ in preference_rows.preference_rows(either, last)} == {other.id}
    assert preference_rows.amount(either, "dpo").judgments == 1


def test_people_whom_a_file_names_count_and_not_who_imported_it(either: Session) -> None:
    ada = factories.user(either).id
    judge(either, ada, factories.prompt(either), "hers")
    for name in ("Cy", "Dee", "Cy"):
        judge(either, ada, factories.prompt(either), "theirs", annotator=name, imported=True)
    assert (preference_rows.amount(either, "dpo").people, preference_rows.new_clicks(either).people) == (3, 3)


def test_the_people_and_sources_to_choose_from_are_those_that_there_are(either: Session) -> None:
    ada = factories.user(either, name="Ada")
    factories.user(either, name="Idle")
    judge(either, ada.id, factories.prompt(either, source="typed"), "a")
    factories.prompt(either, source="file.csv")
    factories.prompt(either, source="file.csv")
    assert [person.name for person in preference_rows.people(either)] == ["Ada"]
    assert preference_rows.sources(either) == ["file.csv", "typed"]
