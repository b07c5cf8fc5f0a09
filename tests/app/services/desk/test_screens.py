"""Screens as they are stored, and the order in which the queue serves them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Candidate, DrawnPool, Generation, Prompt, Reservation, Verdict, write_transaction
from app.domain_errors import NotFound, NotSignedIn
from app.services.desk import judgments
from app.services.desk import screens as desk_screens
from app.services.people import deletion as people
from app.services.prompts import deletion, studio_settings
from app.services.prompts import queue as prompt_queue
from app.services.system import deletions
from app.services.training.reward.heads import Chooser, Heads
from models.model_errors import InputTooLong, NoLongerWanted
from models.reward.features import unpack
from models.reward.head import Head
from models.serving.generator import Generator, Sampling, wording
from models.serving.screen import Screen
from tests import factories
from tests.studio import Person, rewriter, rows

SAMPLING = Sampling()


@pytest.fixture
def generator(app: Flask, version_1: int) -> Generator:
    return rewriter(app)


def queue(session: Session, text: str, **values: int) -> Prompt:
    return factories.prompt(session, text, queued=True, **values)


def test_a_screen_is_stored_with_all_it_takes_to_draw_it_again(
    session: Session, generator: Generator, annotator: Person
) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.8, top_k=40)
    screen, exhausted = desk_screens.generate(session, generator, annotator.id, "you are stupid", sampling)
    assert not exhausted
    (stored,) = rows(session, Generation)
    assert stored.id == screen.id
    assert (stored.prompt.text, stored.prompt.source, stored.user_id) == ("you are stupid", "typed", annotator.id)
    assert {name: stored.sampling[name] for name in ("temperature", "top_p", "top_k")} == {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 40,
    }
    assert stored.sampling["rounds"][0] == {"samples": 16, "temperature": 0.7}
    assert stored.sampling["draw"] == 2, "the first draw of a generator is its warm-up"
    assert stored.seed == generator.seed
    assert stored.milliseconds > 0


def test_its_three_candidates_are_distinct_and_carry_version_position_and_log_probability(
    session: Session, generator: Generator, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Screen] = []
    draw = generator.generate

    def noted(*arguments: Any, **options: Any) -> Screen:
        drawn.append(draw(*arguments, **options))
        return drawn[-1]

    monkeypatch.setattr(generator, "generate", noted)
    desk_screens.generate(session, generator, annotator.id, "you are stupid", SAMPLING)
    candidates = rows(session, Candidate)
    assert len({wording(candidate.text) for candidate in candidates} - {wording("you are stupid")}) == 3
    assert [candidate.position for candidate in candidates] == [0, 1, 2]
    assert [candidate.version_number for candidate in candidates] == [1, 1, 1]
    (screen,) = drawn
    stored = {candidate.text: candidate.log_probability for candidate in candidates}
    assert stored == pytest.approx({one.text: one.log_probability for one in screen.candidates})


def test_the_order_shown_does_not_tell_the_order_drawn(
    session: Session, generator: Generator, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = generator.generate("you are stupid", SAMPLING)
    monkeypatch.setattr(generator, "generate", lambda *_: screen)
    for _ in range(40):
        desk_screens.generate(session, generator, annotator.id, "you are stupid", SAMPLING)
    first = screen.candidates[0].text
    places = Counter(candidate.position for candidate in rows(session, Candidate) if candidate.text == first)
    # Each place has 1/3: that one is missing after 40 screens happens once in four million times.
    assert set(places) == {0, 1, 2}


def test_the_same_text_is_one_prompt_however_often_it_is_asked(
    session: Session, generator: Generator, annotator: Person
) -> None:
    for _ in range(2):
        desk_screens.generate(session, generator, annotator.id, "you are stupid", SAMPLING)
    assert len(rows(session, Generation)) == 2
    assert len(rows(session, Prompt)) == 1


def test_where_the_better_of_two_is_asked_for_every_screen_has_two_cards(
    session: Session, generator: Generator, annotator: Person
) -> None:
    studio_settings.change(session, annotator.id, {"question": "best_of_two", "gold_every": 1})
    typed, _ = desk_screens.generate(session, generator, annotator.id, "you are stupid", SAMPLING)
    factories.prompt(session, "you fool", gold_answer="you are wrong", gold_wrong=["you ass", "you idiot"], queued=True)
    check, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    assert [len(screen.candidates) for screen in (typed, check)] == [2, 2]
    assert [card.right for card in check.candidates if card.text == "you are wrong"] == [True]


def test_a_text_with_too_many_tokens_stores_nothing(session: Session, generator: Generator, annotator: Person) -> None:
    with pytest.raises(InputTooLong, match=r"^The text has 601 tokens and the model reads 512: shorten it a little\.$"):
        desk_screens.generate(session, generator, annotator.id, "you " * 599 + "you", SAMPLING)
    assert rows(session, Generation) == []
    assert rows(session, Prompt) == []


def test_the_queue_serves_the_highest_priority_and_then_the_oldest(
    session: Session, generator: Generator, annotator: Person
) -> None:
    for text, priority in (("low", -1), ("old", 0), ("new", 0), ("urgent", 5)):
        queue(session, text, priority=priority)
    factories.prompt(session, "typed by someone")
    served = []
    shown: list[int] = []
    while (screen := desk_screens.next_screen(session, generator, annotator.id, SAMPLING, shown)) is not None:
        served.append(screen[0].prompt.text)
        shown.append(screen[0].id)
    assert served == ["urgent", "old", "new", "low"]


def test_a_screen_that_was_never_judged_comes_again_unless_it_is_shown(
    session: Session, generator: Generator, annotator: Person
) -> None:
    queue(session, "first")
    queue(session, "second")
    first = desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [])
    again = desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [])
    assert first is not None
    assert again is not None
    assert again[0].id == first[0].id
    second = desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [first[0].id])
    assert second is not None
    assert second[0].prompt.text == "second"


def test_a_judged_screen_does_not_come_again_neither_to_its_judge_nor_to_others(
    session: Session, generator: Generator, annotator: Person, admin: Person
) -> None:
    queue(session, "first")
    screen = desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [])
    assert screen is not None
    judgments.judge(session, annotator.id, judgments.JudgmentRequest(screen[0].id, Verdict.TIE))
    assert desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []) is None
    assert desk_screens.next_screen(session, generator, admin.id, SAMPLING, []) is None


def test_two_people_may_have_the_same_prompt_on_the_desk_but_each_a_screen_of_their_own(
    session: Session, generator: Generator, annotator: Person, admin: Person
) -> None:
    queue(session, "first", overlap=2)
    screens = [
        desk_screens.next_screen(session, generator, user_id, SAMPLING, []) for user_id in (annotator.id, admin.id)
    ]
    assert [screen[0].user_id for screen in screens if screen] == [annotator.id, admin.id]
    assert len(rows(session, Generation)) == 2


def test_a_screen_belongs_to_the_person_it_was_made_for(session: Session, annotator: Person, admin: Person) -> None:
    screen = factories.generation(session, annotator.id)
    assert desk_screens.own(session, annotator.id, screen.id) is screen
    for user_id, number in ((admin.id, screen.id), (annotator.id, 99)):
        with pytest.raises(NotFound, match=rf"^There is no generation {number} of yours\.$"):
            desk_screens.own(session, user_id, number)


@pytest.fixture
def clicked(session: Session, generator: Generator, annotator: Person) -> Heads:
    """What a process knows after one click."""
    screen, _ = desk_screens.generate(session, generator, annotator.id, "you are stupid", SAMPLING)
    judgments.judge(
        session, annotator.id, judgments.JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id)
    )
    return Heads()


def click(session: Session, person: int, screen: Generation) -> None:
    judgments.judge(session, person, judgments.JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id))


def chooser(session: Session, heads: Heads, generator: Generator) -> Chooser:
    found = heads.chooser(session, generator.version, generator.features)
    assert found is not None
    return found


def test_a_screen_tells_which_head_chose_it_and_how_probable_each_card_was(
    session: Session, generator: Generator, annotator: Person, clicked: Heads
) -> None:
    (before,) = rows(session, Generation)
    assert before.head_id is None
    assert {one.probability for one in before.candidates} == {1.0}
    by = chooser(session, clicked, generator)
    screen, _ = desk_screens.generate(session, generator, annotator.id, "you are an idiot", SAMPLING, by)
    assert screen.head_id == by.id
    assert all(0 < (one.probability or 0) <= 1 for one in screen.candidates)
    assert all(unpack(one.features) is not None for one in screen.candidates)


def test_a_screen_that_was_drawn_before_the_click_is_chosen_again_after_it(
    session: Session, generator: Generator, annotator: Person, clicked: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(session, "your plan is utter rubbish")
    by = chooser(session, clicked, generator)
    early, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], by))
    assert early.head_id == by.id
    same, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], by))
    assert same.id == early.id, "the same head has nothing else to say"
    click(session, annotator.id, desk_screens.generate(session, generator, annotator.id, "go away", SAMPLING, by)[0])
    now_by = chooser(session, clicked, generator)
    assert now_by.id != by.id
    texts = [one.text for one in early.candidates]

    def others(text: str, screen: Screen, head: Head, wanted: int) -> Screen:
        drawn = generator.generate(text, SAMPLING, head=head)
        return replace(again(text, screen, head, wanted), candidates=drawn.candidates)

    again = generator.choose_again
    monkeypatch.setattr(generator, "choose_again", others)
    late, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], now_by))
    if {one.text for one in late.candidates} == set(texts):
        pytest.skip("The tiny model drew the very same cards.")
    assert late.head_id == now_by.id
    session.expire_all()
    assert session.get_one(Generation, early.id).superseded_by == late.id
    assert [one.text for one in session.get_one(Generation, early.id).candidates] == texts, "a screen never changes"
    click(session, annotator.id, late)
    assert desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], now_by) is None


def test_a_pool_that_cannot_be_read_is_drawn_anew(
    session: Session, generator: Generator, annotator: Person, clicked: Heads
) -> None:
    queue(session, "your plan is utter rubbish")
    by = chooser(session, clicked, generator)
    early, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], by))
    with write_transaction(session):
        session.merge(DrawnPool(generation_id=early.id, data=b"damaged"))
    click(session, annotator.id, desk_screens.generate(session, generator, annotator.id, "go away", SAMPLING, by)[0])
    late = desk_screens.next_screen(
        session, generator, annotator.id, SAMPLING, [], chooser(session, clicked, generator)
    )
    assert served(late)[0].prompt.text == "your plan is utter rubbish"


def test_what_was_chosen_again_too_late_does_not_bring_the_same_text_twice(
    session: Session, generator: Generator, annotator: Person
) -> None:
    queue(session, "your plan is utter rubbish", priority=1)
    queue(session, "go away")
    early, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    late = factories.generation(session, annotator.id, prompt=early.prompt)
    with write_transaction(session):
        session.get_one(Generation, early.id).superseded_by = late.id
    following, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [early.id]))
    assert following.prompt.text == "go away"
    anew, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    assert anew.id == late.id, "after a reload nothing is shown yet"


def test_what_is_looked_at_is_not_chosen_again(
    session: Session, generator: Generator, annotator: Person, clicked: Heads
) -> None:
    queue(session, "your plan is utter rubbish")
    early, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    by = chooser(session, clicked, generator)
    assert desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [early.id], by) is None


def test_a_superseded_screen_can_still_be_judged_where_it_is_looked_at(
    session: Session, generator: Generator, annotator: Person
) -> None:
    queue(session, "your plan is utter rubbish")
    early, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    late = factories.generation(session, annotator.id, prompt=early.prompt)
    with write_transaction(session):
        early.superseded_by = late.id
    click(session, annotator.id, early)
    assert desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []) is None


def test_a_screen_that_several_people_see_alike_is_not_chosen_again(
    session: Session, generator: Generator, annotator: Person, clicked: Heads
) -> None:
    factories.prompt(session, "your plan is utter rubbish", queued=True, overlap=2)
    early, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    by = chooser(session, clicked, generator)
    late, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], by))
    assert late.id == early.id


def served(found: tuple[Generation, bool] | None) -> tuple[Generation, bool]:
    assert found is not None
    return found


def test_a_typed_text_whose_rewrites_are_not_wanted_stores_nothing(
    session: Session, generator: Generator, annotator: Person
) -> None:
    with pytest.raises(NoLongerWanted):
        desk_screens.generate(session, generator, annotator.id, "you are stupid", SAMPLING, gone=lambda: True)
    assert not rows(session, Generation)
    assert not rows(session, Prompt)


def test_a_text_of_the_queue_whose_rewrites_are_not_wanted_waits_for_anybody(
    session: Session, generator: Generator, annotator: Person, admin: Person
) -> None:
    queue(session, "you are stupid")
    with pytest.raises(NoLongerWanted):
        desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], gone=lambda: True)
    assert not rows(session, Generation)
    assert not rows(session, Reservation)
    for person in (admin, annotator):
        found = desk_screens.next_screen(session, generator, person.id, SAMPLING, [])
        assert (found is not None) == (person is admin), "whoever asks first has it"


def test_what_was_drawn_before_is_shown_to_whoever_cancelled_the_choice(
    session: Session, generator: Generator, annotator: Person
) -> None:
    queue(session, "you are stupid")
    first = desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [])
    again = desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], gone=lambda: True)
    assert first is not None
    assert again is not None
    assert again[0].id == first[0].id


def test_a_prompt_that_is_deleted_while_it_is_drawn_is_passed_over(
    session: Session, generator: Generator, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = queue(session, "you are stupid").id
    queue(session, "go away")
    draw = generator.generate

    def meanwhile(*arguments: Any, **options: Any) -> Screen:
        if session.get(Prompt, gone) is not None:
            deletion.delete_prompt(session, None, gone, gone)
        return draw(*arguments, **options)

    monkeypatch.setattr(generator, "generate", meanwhile)
    found, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    assert found.prompt.text == "go away"
    assert [screen.id for screen in rows(session, Generation)] == [found.id]


def test_a_screen_that_is_deleted_while_it_is_chosen_again_is_passed_over(
    session: Session, generator: Generator, annotator: Person, clicked: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = queue(session, "your plan is utter rubbish").id
    by = chooser(session, clicked, generator)
    desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], by)
    click(session, annotator.id, desk_screens.generate(session, generator, annotator.id, "go away", SAMPLING, by)[0])
    now_by, choose = chooser(session, clicked, generator), generator.choose_again

    def meanwhile(*arguments: Any) -> Screen:
        deletion.delete_prompt(session, None, gone, gone)
        found = choose(*arguments)
        return replace(found, candidates=found.candidates[:1])  # another choice, whatever the head says

    monkeypatch.setattr(generator, "choose_again", meanwhile)
    assert desk_screens.next_screen(session, generator, annotator.id, SAMPLING, [], now_by) is None
    assert session.get(Prompt, gone) is None


def test_a_screen_of_several_people_is_drawn_anew_if_the_one_to_copy_was_deleted(
    session: Session, generator: Generator, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = factories.prompt(session, "you are stupid", queued=True, overlap=2)
    other = factories.user(session).id
    first, _ = served(desk_screens.next_screen(session, generator, other, SAMPLING, []))
    first_id, lock = first.id, prompt_queue.screen_of

    def meanwhile(*arguments: Any, **options: Any) -> Generation | None:
        deletions.delete_screens(session, [first_id])
        found: Generation | None = lock(*arguments, **options)
        return found

    monkeypatch.setattr(prompt_queue, "screen_of", meanwhile)
    found, _ = served(desk_screens.next_screen(session, generator, annotator.id, SAMPLING, []))
    assert (found.prompt_id, "copy_of" in found.sampling) == (prompt.id, False)


def test_nothing_more_is_stored_of_a_person_who_is_deleted_while_a_screen_is_drawn(
    session: Session, generator: Generator, annotator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, person_id = generator.generate, annotator.id

    def meanwhile(*arguments: Any, **options: Any) -> Screen:
        people.delete_person(session, None, person_id, annotator.email, keep_judgments=False)
        return draw(*arguments, **options)

    monkeypatch.setattr(generator, "generate", meanwhile)
    with pytest.raises(NotSignedIn):
        desk_screens.generate(session, generator, person_id, "a text of their own", SAMPLING)
    assert (rows(session, Prompt), rows(session, Generation)) == ([], [])
