"""What stands on the screen of an attention check: the right answer first, then as many wrong ones as it takes."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, Prompt, Verdict
from app.services.desk import judgments, screens
from app.services.desk.judgments import JudgmentRequest
from app.services.exchange import exports, judgment_search
from app.services.people import statistics
from app.services.prompts import attention_checks, search, studio_settings
from app.services.training import overview
from models.serving.generator import Generator, Sampling
from models.shares import Share
from tests import factories
from tests.studio import Person, rewriter

WRONG = ["2 + 2 is 3", "2 + 2 is 5", "2 + 2 is 6", "2 + 2 is 7"]


@pytest.fixture
def generator(app: Flask, version_1: int) -> Generator:
    return rewriter(app)


@pytest.fixture
def always(session: Session, admin: Person) -> None:
    studio_settings.change(session, admin.id, {"gold_every": 1})


def check(session: Session, text: str = "2 + 2 is a damn 5", wrong: list[str] | None = None) -> Prompt:
    return factories.prompt(session, text, queued=True, gold_answer="2 + 2 is 4", gold_wrong=wrong)


def served(session: Session, generator: Generator, user_id: int) -> Generation:
    screen = screens.next_screen(session, generator, user_id, Sampling(), ())
    assert screen is not None
    return screen[0]


def texts(screen: Generation) -> list[str]:
    return [candidate.text for candidate in screen.candidates]


@pytest.mark.usefixtures("always")
def test_missing_wrong_answers_are_the_text_itself_and_a_rewrite_of_another(
    session: Session, generator: Generator, annotator: Person, admin: Person
) -> None:
    factories.generation(session, admin.id, ["a rewrite of another"])
    check(session, "you are 5, damn", wrong=[])
    screen = served(session, generator, annotator.id)
    assert sorted(texts(screen)) == ["2 + 2 is 4", "a rewrite of another", "you are 5, damn"]


def test_the_right_answer_comes_first_and_two_of_the_wrong_ones_that_were_given_after_it(session: Session) -> None:
    prompt = check(session, wrong=WRONG)
    shown = [attention_checks.texts(session, prompt) for _ in range(40)]
    assert {(one[0], len(one), len(set(one))) for one in shown} == {("2 + 2 is 4", 3, 3)}
    # Each is left out of half of the screens: that one is left out of all 40 happens once in 2^38 times.
    assert {text for one in shown for text in one[1:]} == set(WRONG)


def test_a_single_wrong_answer_is_joined_by_the_text_itself(session: Session) -> None:
    prompt = check(session, "you are 5, damn", wrong=WRONG[:1])
    assert attention_checks.texts(session, prompt) == ["2 + 2 is 4", "2 + 2 is 3", "you are 5, damn"]


def test_where_no_other_prompt_was_rewritten_there_are_fewer_than_three(session: Session, admin: Person) -> None:
    prompt = check(session)
    factories.generation(session, admin.id, ["a rewrite of its own"], prompt=prompt)
    assert attention_checks.texts(session, prompt) == ["2 + 2 is 4", "2 + 2 is a damn 5"]


def test_only_what_a_version_wrote_of_another_prompt_and_does_not_stand_there_yet_is_borrowed(
    session: Session, admin: Person
) -> None:
    other = factories.generation(session, admin.id, ["2 + 2 is 4", "by hand", "a rewrite"])
    other.candidates[1].version_number = None
    session.commit()
    prompt = check(session)
    assert [attention_checks.texts(session, prompt)[2:] for _ in range(10)] == [["a rewrite"]] * 10


def say(session: Session, screen: Generation, text: str) -> Judgment:
    """Choose that text, or say that verdict."""
    ids = {one.text: one.id for one in screen.candidates}
    verdict = Verdict.CHOSEN if text in ids else Verdict(text)
    number = judgments.judge(session, screen.user_id, JudgmentRequest(screen.id, verdict, ids.get(text)))
    return session.get_one(Judgment, number)


@pytest.mark.parametrize(
    ("is_check", "verdict", "chosen_right", "passed"),
    [
        (True, "chosen", True, True),
        (True, "edited", True, True),
        (True, "chosen", False, False),
        (True, "edited", None, False),
        (True, "none", None, False),
        (True, "tie", None, False),
        (True, "skipped", None, None),
        (False, "chosen", True, None),
    ],
)
def test_who_chose_or_edited_what_was_right_has_passed(
    is_check: bool, verdict: str, chosen_right: bool | None, passed: bool | None
) -> None:
    assert attention_checks.passed(is_check, verdict, chosen_right) is passed


@pytest.mark.usefixtures("always")
def test_a_typo_put_right_leaves_the_past_as_it_was_on_every_page(
    session: Session, generator: Generator, annotator: Person, admin: Person
) -> None:
    prompt = check(session, wrong=WRONG)
    before = say(session, served(session, generator, annotator.id), "2 + 2 is 4")
    opened = served(session, generator, admin.id)
    search.change(session, admin.id, prompt.id, {"gold": "2 + 2 is 4."}, 1_000)
    assert statistics.habits(session, annotator.id).gold == Share(1, 1)
    assert judgment_search.right(before) is True
    after = served(session, generator, admin.id)
    assert (opened.superseded_by, opened.id != after.id) == (after.id, True)
    judged = say(session, after, "2 + 2 is 4.")
    assert statistics.habits(session, admin.id).gold == Share(1, 1)
    assert judgment_search.right(judged) is True
    search.change(session, admin.id, prompt.id, {"gold": None}, 1_000)
    assert statistics.habits(session, annotator.id).gold == Share(0, 0)
    assert judgment_search.right(before) is None


@pytest.mark.usefixtures("always")
def test_a_check_that_became_an_ordinary_prompt_waits_until_somebody_has_judged_it_as_one(
    session: Session, generator: Generator, annotator: Person, admin: Person
) -> None:
    prompt = check(session, wrong=WRONG)
    say(session, served(session, generator, annotator.id), "2 + 2 is 4")

    def row() -> search.Row:
        (found,) = search.page(session, search.PromptFilter("all", text="2 + 2")).rows
        return found

    assert (row().state, search.count(session, search.PromptFilter())) == ("attention check", 0)
    search.change(session, admin.id, prompt.id, {"gold": None}, 1_000)
    assert (row().state, row().judges) == ("waiting", 0)
    assert search.count(session, search.PromptFilter()) == 1
    ordinary = served(session, generator, annotator.id)
    assert (ordinary.prompt_id, ordinary.gold) == (prompt.id, False)
    say(session, ordinary, texts(ordinary)[0])
    assert (row().state, row().judges) == ("done", 1)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("said", ["2 + 2 is 4", "none"])
def test_a_check_is_no_judgment_of_a_text_and_trains_nothing(
    session: Session, generator: Generator, annotator: Person, said: str
) -> None:
    check(session, wrong=WRONG)
    say(session, served(session, generator, annotator.id), said)
    counts = overview.counts(session)
    assert (counts.judgments, counts.chosen, counts.preferences, counts.new_judgments) == (0, 0, 0, 0)
    assert list(exports.stream(session, "kto")) == []
