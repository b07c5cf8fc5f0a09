"""Screens of a live comparison: which ones are drawn by both versions, and what happens to them later."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import DrawnPool, Generation, LiveComparison, Verdict
from app.services.desk import judgments, screens
from app.services.desk.drawing import Beside
from app.services.training.reward.heads import Heads
from app.services.versions import live_comparison
from app.services.versions.live_comparison_clicks import clicks
from models.serving.generator import Generator, Sampling
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, add_version, parts, rewriter, rows

SAMPLING = Sampling()


@pytest.fixture
def generator(app: Flask, version_1: int) -> Generator:
    return rewriter(app)


@pytest.fixture
def comparison(app: Flask, session: Session, published: CheckpointStore, generator: Generator) -> LiveComparison:
    """A comparison of version 1, which serves, with version 2, both of them in memory."""
    add_version(app, session, published, 2)
    found = factories.comparison(session, serving_number=1)
    parts(app).companion.refresh()
    return found


@pytest.fixture
def beside(app: Flask, session: Session, generator: Generator, comparison: LiveComparison) -> Beside:
    found = parts(app).beside(session, generator)
    assert found is not None
    return found


def writers(screen: Generation) -> set[int | None]:
    return {card.version_number for card in screen.candidates}


def choose(session: Session, person_id: int, screen: Generation) -> None:
    first = screen.candidates[0].id
    judgments.judge(session, person_id, judgments.JudgmentRequest(screen.id, Verdict.CHOSEN, candidate_id=first))


def test_typed_texts_and_the_queue_show_cards_of_both(
    session: Session, generator: Generator, annotator: Person, beside: Beside
) -> None:
    typed, _ = screens.generate(session, generator, annotator.id, "go away", SAMPLING, beside=beside)
    factories.prompt(session, "you are stupid", queued=True)
    queued = screens.next_screen(session, generator, annotator.id, SAMPLING, [], beside=beside)
    assert queued is not None
    for screen in (typed, queued[0]):
        assert (screen.comparison_id, writers(screen)) == (beside.comparison_id, {1, 2})
    assert rows(session, DrawnPool) == [], "its cards are never chosen again"


def test_a_screen_that_waits_stays_as_it_is_though_a_newer_head_would_choose_otherwise(
    app: Flask, session: Session, generator: Generator, annotator: Person, beside: Beside
) -> None:
    factories.prompt(session, "you are stupid", queued=True)
    waiting = screens.next_screen(session, generator, annotator.id, SAMPLING, [], beside=beside)
    choose(session, annotator.id, factories.generation(session, annotator.id))
    heads = Heads()
    heads.learn(session, generator.version, generator.features)
    chooser = heads.chooser(session, generator.version, generator.features)
    assert chooser is not None
    again = screens.next_screen(session, generator, annotator.id, SAMPLING, [], chooser, beside=beside)
    assert waiting is not None
    assert again is not None
    assert (again[0].id, again[0].superseded_by) == (waiting[0].id, None)


def test_an_attention_check_stays_what_it_is(
    session: Session, generator: Generator, annotator: Person, beside: Beside
) -> None:
    factories.prompt(session, "you are stupid", queued=True, gold_answer="You are wrong.")
    shown: list[int] = []
    factories.prompt(session, "go away", queued=True)
    while (found := screens.next_screen(session, generator, annotator.id, SAMPLING, shown, beside=beside)) is not None:
        shown.append(found[0].id)
    for screen in rows(session, Generation):
        assert (screen.comparison_id is None) == screen.gold


def test_of_a_prompt_for_several_people_only_the_click_on_the_screen_that_was_drawn_counts(
    session: Session, generator: Generator, annotator: Person, admin: Person, comparison: LiveComparison, beside: Beside
) -> None:
    factories.prompt(session, "you are stupid", queued=True, overlap=2)
    for person in (annotator, admin):
        found = screens.next_screen(session, generator, person.id, SAMPLING, [], beside=beside)
        assert found is not None
        choose(session, person.id, found[0])
    first, copy = rows(session, Generation)
    assert (first.comparison_id, copy.comparison_id) == (comparison.id, None)
    assert writers(first) == writers(copy) == {1, 2}
    assert [click.person for click in clicks(session, comparison)] == [str(annotator.id)]


def test_screens_have_cards_of_both_only_where_both_are_in_memory_and_compared(
    app: Flask, session: Session, generator: Generator, admin: Person, comparison: LiveComparison, beside: Beside
) -> None:
    live_comparison.stop(session, comparison.id, admin.id, "Enough of it.")
    assert parts(app).beside(session, generator) is None
    factories.comparison(session, serving_number=2)
    assert parts(app).beside(session, generator) is None, "this process still serves the other one"
    parts(app).companion.refresh()
    assert parts(app).beside(session, generator) is None, "and has only one of them"
