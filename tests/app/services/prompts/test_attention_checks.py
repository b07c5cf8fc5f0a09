"""What stands on the screen of an attention check: the right answer first, then as many wrong ones as it takes."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Generation, Prompt
from app.services.desk import screens
from app.services.prompts import attention_checks, studio_settings
from models.serving.generator import Generator, Sampling
from tests import factories
from tests.studio import Person, parts

WRONG = ["2 + 2 is 3", "2 + 2 is 5", "2 + 2 is 6", "2 + 2 is 7"]


@pytest.fixture
def generator(app: Flask, version_1: int) -> Generator:
    return parts(app).generator()


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
