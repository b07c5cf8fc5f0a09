"""Whom the queue serves what: overlap, the same rewrites for everybody, attention checks, and what leaves the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import cast

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.api.payload import generation_json
from app.db import (
    AuditEvent,
    Candidate,
    Generation,
    Judgment,
    Preference,
    Prompt,
    Reservation,
    Verdict,
    now,
    write_transaction,
)
from app.services.desk import judgments, screens
from app.services.people import statistics
from app.services.prompts import queue as prompt_queue
from app.services.prompts import search, studio_settings
from models.reward.head import Head
from models.serving.generator import Generator, Sampling, Screen
from models.serving.screen import Gone
from tests import factories
from tests.studio import Person, make_person, rewriter, rows

SAMPLING = Sampling()


@pytest.fixture
def generator(app: Flask, version_1: int) -> Generator:
    return rewriter(app)


@pytest.fixture
def people(app: Flask, session: Session) -> list[int]:
    return [make_person(app, session).id for _ in range(3)]


def queue(session: Session, text: str, **values: object) -> Prompt:
    return factories.prompt(session, text, queued=True, **values)


def serve(session: Session, generator: Generator, user_id: int, shown: Sequence[int] = ()) -> Generation | None:
    screen = screens.next_screen(session, generator, user_id, SAMPLING, shown)
    return screen[0] if screen else None


def served(session: Session, generator: Generator, user_id: int, shown: Sequence[int] = ()) -> Generation:
    screen = serve(session, generator, user_id, shown)
    assert screen is not None
    return screen


def choose(session: Session, user_id: int, screen: Generation) -> Judgment:
    best = screen.candidates[0].id
    number = judgments.judge(session, user_id, judgments.JudgmentRequest(screen.id, Verdict.CHOSEN, candidate_id=best))
    return session.get_one(Judgment, number)


def test_what_is_left_counts_what_is_drawn_already_and_what_others_leave(
    session: Session, generator: Generator, people: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben, _ = people
    for number in range(4):
        queue(session, f"left {number}", priority=number)
    queue(session, "a check", gold_answer="right")

    def left(person: int) -> int:
        return prompt_queue.left(session, person, studio_settings.settings(session))

    assert left(ada) == 4
    screen = served(session, generator, ada)
    assert left(ada) == 4, "what lies on the desk is not done"
    judgment = choose(session, ada, screen)
    assert (left(ada), left(ben)) == (3, 3), "one person judges each text"
    judgments.undo(session, ada, judgment.id)
    assert left(ada) == 4
    monkeypatch.setattr(prompt_queue, "MOST_LEFT", 2)
    assert left(ada) == 2


def texts(screen: Generation) -> list[str]:
    return [candidate.text for candidate in screen.candidates]


def test_a_prompt_with_an_overlap_of_two_is_for_two_people_who_see_the_same_rewrites(
    session: Session, generator: Generator, people: list[int]
) -> None:
    queue(session, "you are stupid", overlap=2)
    first, second = (served(session, generator, user_id) for user_id in people[:2])
    assert sorted(texts(first)) == sorted(texts(second))
    assert {one.id for one in first.candidates}.isdisjoint(one.id for one in second.candidates)
    assert {one.version_number for one in second.candidates} == {1}
    assert second.sampling["copy_of"] == first.id
    for user_id, screen in zip(people, (first, second), strict=False):
        choose(session, user_id, screen)
    assert serve(session, generator, people[2]) is None


def test_each_person_meets_the_shared_rewrites_in_an_order_of_their_own(
    app: Flask, session: Session, generator: Generator
) -> None:
    queue(session, "you are stupid", overlap=20)
    orders = {tuple(texts(served(session, generator, make_person(app, session).id))) for _ in range(20)}
    # There are six orders: that all twenty people get the same one happens once in 6^19 times.
    assert len(orders) > 1


def test_the_studios_overlap_counts_where_a_prompt_has_none(
    session: Session, generator: Generator, people: list[int], admin: Person
) -> None:
    studio_settings.change(session, admin.id, {"overlap": 2})
    queue(session, "you are stupid")
    queue(session, "what a moron", overlap=1)
    choose(session, people[0], served(session, generator, people[0]))
    assert served(session, generator, people[1]).prompt.text == "you are stupid"


def leave(session: Session) -> None:
    """Let so much time go by that nobody's place is kept any more."""
    with write_transaction(session):
        session.execute(update(Reservation).values(until=now() - timedelta(seconds=1)))


def test_a_prompt_that_enough_people_have_on_their_desks_is_left_to_them_until_they_are_away(
    session: Session, generator: Generator, people: list[int]
) -> None:
    for text in ("first", "second"):
        queue(session, text)
    first, second = (served(session, generator, user_id) for user_id in people[:2])
    assert [first.prompt.text, second.prompt.text] == ["first", "second"]
    assert serve(session, generator, people[2]) is None
    leave(session)
    assert served(session, generator, people[2]).prompt.text == "first"
    assert served(session, generator, people[1]) is second
    assert serve(session, generator, people[0]) is None, "the place is somebody else's now"


def test_who_works_on_keeps_what_is_on_their_desk(session: Session, generator: Generator, people: list[int]) -> None:
    queue(session, "first")
    screen = served(session, generator, people[0])
    with write_transaction(session):
        session.execute(update(Reservation).values(until=now() + timedelta(minutes=1)))
    assert serve(session, generator, people[0], [screen.id]) is None
    (kept,) = rows(session, Reservation)
    assert kept.until > now() + timedelta(minutes=14)


def test_a_skip_is_no_opinion_and_leaves_the_prompt_to_others_until_too_many_have_skipped_it(
    app: Flask, session: Session, generator: Generator, people: list[int], admin: Person
) -> None:
    studio_settings.change(session, admin.id, {"most_skips": 2})
    prompt = queue(session, "colourless green ideas")
    waiting, skipped = (search.PromptFilter(state=state) for state in ("queue", "skipped"))
    for user_id in people[:2]:
        assert search.count(session, waiting) == 1
        screen = served(session, generator, user_id)
        judgments.judge(
            session, user_id, judgments.JudgmentRequest(screen.id, Verdict.SKIPPED, flagged=user_id == people[0])
        )
        assert serve(session, generator, user_id) is None
    assert serve(session, generator, people[2]) is None
    assert search.count(session, waiting) == 0
    assert [row.prompt.id for row in search.page(session, skipped).rows] == [prompt.id]
    studio_settings.change(session, admin.id, {"most_skips": 3})
    choose(session, people[2], served(session, generator, people[2]))
    assert [search.count(session, one) for one in (waiting, skipped)] == [0, 0]


def test_a_draw_that_takes_longer_than_a_place_is_kept_is_not_shown_if_somebody_else_judged_meanwhile(
    session: Session, generator: Generator, people: list[int]
) -> None:
    queue(session, "first")
    queue(session, "second")

    def meanwhile() -> None:
        leave(session)
        choose(session, people[1], served(session, generator, people[1]))

    slow = Interrupted(generator, meanwhile)
    assert served(session, cast(Generator, slow), people[0]).prompt.text == "second"
    assert {screen.user_id for screen in rows(session, Generation) if screen.prompt.text == "first"} == {people[1]}


def test_a_screen_that_was_left_lying_is_not_served_again_once_others_have_judged_the_prompt(
    session: Session, generator: Generator, people: list[int]
) -> None:
    queue(session, "first")
    lying = served(session, generator, people[0])
    leave(session)
    choose(session, people[1], served(session, generator, people[1]))
    assert lying.prompt.text == "first"
    assert serve(session, generator, people[0]) is None


def check(session: Session, text: str = "2 + 2 is a damn 5") -> Prompt:
    return queue(session, text, gold_answer="2 + 2 is 4", gold_wrong=["2 + 2 is 3", "shut up"])


@pytest.fixture
def always(session: Session, admin: Person) -> None:
    studio_settings.change(session, admin.id, {"gold_every": 1})


@pytest.mark.usefixtures("always")
def test_an_attention_check_shows_its_answers_looks_like_any_screen_and_yields_no_pairs(
    session: Session, generator: Generator, annotator: Person
) -> None:
    check(session)
    screen = served(session, generator, annotator.id)
    assert screen.gold
    assert sorted(texts(screen)) == ["2 + 2 is 3", "2 + 2 is 4", "shut up"]
    assert {one.version_number for one in rows(session, Candidate)} == {None}
    ordinary, exhausted = screens.generate(session, generator, annotator.id, "you are stupid", SAMPLING)
    shown, usual = generation_json(screen, False), generation_json(ordinary, exhausted)
    assert shown.keys() == usual.keys()
    assert (shown["version"], shown["exhausted"]) == (usual["version"], usual["exhausted"]) == (1, False)
    choose(session, annotator.id, screen)
    assert rows(session, Preference) == []


@pytest.mark.usefixtures("always")
def test_each_person_meets_each_check_once(session: Session, generator: Generator, people: list[int]) -> None:
    for number in range(2):
        check(session, f"check {number}")
    queue(session, "an ordinary one", overlap=3)
    for user_id in people:
        met = []
        for _ in range(3):
            screen = served(session, generator, user_id)
            met.append(screen.prompt.text)
            choose(session, user_id, screen)
        assert met == ["check 0", "check 1", "an ordinary one"]
    assert serve(session, generator, people[0]) is None


def test_one_screen_in_so_many_is_a_check_as_long_as_there_are_any(
    session: Session, generator: Generator, annotator: Person, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = generator.generate("you are stupid", SAMPLING)
    monkeypatch.setattr(generator, "generate", lambda *_: drawn)
    studio_settings.change(session, admin.id, {"gold_every": 4})
    for number in range(30):
        check(session, f"check {number}")
    for number in range(100):
        queue(session, f"text {number}")
    shown: list[int] = []
    gold = []
    for place in range(60):
        screen = served(session, generator, annotator.id, shown)
        shown.append(screen.id)
        gold += [place] if screen.gold else []
    gaps = [later - before for before, later in zip([-1, *gold], gold, strict=False)]
    assert set(gaps) <= {2, 3, 4, 5, 6}
    assert len(set(gaps)) > 1, "nobody can count on the distance"


def test_there_are_no_checks_if_the_studio_wants_none(
    session: Session, generator: Generator, annotator: Person, admin: Person
) -> None:
    studio_settings.change(session, admin.id, {"gold_every": 0})
    check(session)
    assert serve(session, generator, annotator.id) is None


def test_a_prompt_that_the_model_cannot_read_leaves_the_queue_and_the_next_is_served(
    session: Session, generator: Generator, people: list[int]
) -> None:
    unreadable = queue(session, "x?" * 400, priority=5)
    queue(session, "you are stupid")
    assert served(session, generator, people[0]).prompt.text == "you are stupid"
    assert not unreadable.queued
    (event,) = session.scalars(select(AuditEvent).where(AuditEvent.action == "prompt.unreadable"))
    assert "tokens" in event.details["reason"]


class Interrupted:
    """A generator in whose first draw something else happens."""

    def __init__(self, generator: Generator, meanwhile: Callable[[], object]) -> None:
        self._generator = generator
        self._meanwhile: Callable[[], object] | None = meanwhile
        self.version = generator.version

    def generate(self, text: str, sampling: Sampling, wanted: int, head: Head | None, gone: Gone) -> Screen:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            meanwhile()
        return self._generator.generate(text, sampling, wanted, head)


@pytest.mark.parametrize("overlap", [1, 2])
def test_a_second_tab_that_asks_while_the_first_waits_gets_the_same_screen(
    session: Session, generator: Generator, people: list[int], overlap: int
) -> None:
    queue(session, "you are stupid", overlap=overlap)
    seen: list[Generation] = []
    slow = Interrupted(generator, lambda: seen.append(served(session, generator, people[0])))
    assert served(session, cast(Generator, slow), people[0]) is seen[0]
    assert len(rows(session, Generation)) == 1


def test_a_check_whose_answer_is_taken_back_is_an_ordinary_prompt_again(
    session: Session, generator: Generator, people: list[int], admin: Person
) -> None:
    studio_settings.change(session, admin.id, {"gold_every": 1})
    prompt = queue(session, "you are stupid", gold_answer="you are wrong")
    screen = served(session, generator, people[0])
    assert screen.gold
    choose(session, people[0], screen)
    with write_transaction(session):
        prompt.gold_answer = None
    again = served(session, generator, people[0])
    assert not again.gold
    assert again.prompt is prompt


@pytest.mark.usefixtures("always")
def test_an_open_check_shows_the_answer_of_today_and_judged_ones_keep_what_was_right(
    session: Session, generator: Generator, people: list[int]
) -> None:
    prompt = check(session)
    judged, opened = (served(session, generator, user_id) for user_id in people[:2])
    right = next(one for one in judged.candidates if one.right)
    judgments.judge(session, people[0], judgments.JudgmentRequest(judged.id, Verdict.CHOSEN, candidate_id=right.id))
    with write_transaction(session):
        prompt.gold_answer = "2 + 2 is 4."
    again = served(session, generator, people[1])
    assert opened.superseded_by == again.id
    assert "2 + 2 is 4." in texts(again)
    assert served(session, generator, people[1]) is again
    assert statistics.habits(session, people[0]).gold.part == 1


def test_putting_the_judged_ones_back_leaves_what_was_typed_and_withdrawn_checks_out(
    session: Session, generator: Generator, people: list[int], admin: Person
) -> None:
    queue(session, "you are stupid")
    choose(session, people[0], served(session, generator, people[0]))
    assert serve(session, generator, people[1]) is None
    typed, _ = screens.generate(session, generator, people[0], "shut up, you fool", SAMPLING)
    choose(session, people[0], typed)
    withdrawn = check(session)
    withdrawn.queued = False
    session.commit()
    judged = search.PromptFilter(state="judged")
    assert search.change_all(session, admin.id, judged, {"queued": True, "overlap": 2}) == 1
    session.expire_all()
    assert [one.text for one in rows(session, Prompt) if one.queued] == ["you are stupid"]


def test_the_screen_of_an_import_that_was_undone_is_served_to_nobody(
    session: Session, generator: Generator, annotator: Person
) -> None:
    """Whoever imported the file gets rewrites of the model for its text, not the candidates of another tool."""
    prompt = factories.prompt(session, "from a file", queued=True)
    old = factories.generation(session, annotator.id, ["good", "bad"], prompt=prompt)
    factories.judgment(session, old, imported=True, undone_at=now())
    screen = served(session, generator, annotator.id)
    assert screen.id != old.id
    assert screen.prompt_id == prompt.id
