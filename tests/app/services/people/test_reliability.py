"""How reliable people's clicks are, as the database has them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from app.db import Candidate, Generation, Judgment, Prompt, User, now, write_transaction
from app.services.people import reliability
from app.services.people.reliability import in_words, names, news, weights
from app.services.prompts import studio_settings
from app.services.system import marks
from models.reliability import Answer, Check, Reliability
from models.reward.features import SIZE, pack
from tests import factories

CLICKS = 40
KNOWN = 4


class Studio:
    """Five people of one taste, one deactivated since who clicks at random, and one of a file who does so, too."""

    def __init__(self, session: Session) -> None:
        factories.version(session)
        self.session, self.chance = session, np.random.default_rng(2)
        self.taste = self.chance.normal(size=KNOWN) * 3
        self.people = [factories.user(session) for _ in range(5)]
        self.random = factories.user(session, active=False)
        for person in self.people:
            self.click(person)
        self.click(self.random, by_chance=True)
        self.click(self.people[0], by_chance=True, annotator="Cy", imported=True)

    def click(self, person: User, number: int = CLICKS, *, by_chance: bool = False, **values: Any) -> list[Judgment]:
        """So many screens of three cards, and the choice of one of each."""
        with write_transaction(self.session):
            made = [self._click(person, by_chance, values) for _ in range(number)]
            self.session.add_all(made)
        return made

    def _click(self, person: User, by_chance: bool, values: dict[str, Any]) -> Judgment:
        cards = np.zeros((3, SIZE))
        cards[:, :KNOWN] = self.chance.normal(size=(3, KNOWN))
        best = int(self.chance.integers(3) if by_chance else np.argmax(cards[:, :KNOWN] @ self.taste))
        text = f"you are stupid, {self.chance.integers(2**60)}"
        shown = [
            Candidate(
                position=place, text=f"{text} {place}", log_probability=-1.0, version_number=1, features=pack(row)
            )
            for place, row in enumerate(cards)
        ]
        prompt = Prompt(text=text, sha256=hashlib.sha256(text.encode()).hexdigest(), source="test")
        screen = Generation(prompt=prompt, user_id=person.id, sampling={}, seed=1, milliseconds=1.0, candidates=shown)
        self.session.add(screen)
        self.session.flush()
        return Judgment(
            generation_id=screen.id, user_id=person.id, verdict="chosen", candidate_id=shown[best].id, **values
        )


@pytest.fixture
def studio(either: Session) -> Studio:
    return Studio(either)


def test_who_clicks_at_random_weighs_less_by_the_text_of_judge_and_nobody_else(studio: Studio) -> None:
    found = weights(studio.session)
    assert set(found) == {str(studio.random.id), "imported:Cy"}
    assert all(0 < weight < 0.5 for weight in found.values())


def test_where_people_are_not_weighed_all_judgments_count_alike(studio: Studio) -> None:
    studio_settings.change(studio.session, studio.people[0].id, {"weigh_people": False})
    assert weights(studio.session) == {}


def test_undone_judgments_and_those_of_nobody_known_do_not_count(session: Session, studio_less: Studio) -> None:
    studio_less.click(studio_less.random, by_chance=True, undone_at=now())
    studio_less.click(studio_less.random, by_chance=True, imported=True)
    assert str(studio_less.random.id) not in reliability.reliabilities(session)


@pytest.fixture
def studio_less(session: Session, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """The same people, of whom only the five of one taste have clicked."""
    monkeypatch.setattr(Studio, "click", lambda self, person, *args, **values: None)
    studio = Studio(session)
    monkeypatch.undo()
    for person in studio.people:
        studio.click(person, 3)
    return studio


def test_it_is_computed_again_after_several_clicks_and_not_after_each(
    session: Session, studio_less: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def counted(answers: Sequence[Answer], checks: Sequence[Check]) -> dict[str, Reliability]:
        seen.append(len(answers))
        return {}

    monkeypatch.setattr(reliability, "of_answers", counted)
    weights(session)
    for _ in range(8):
        studio_less.click(studio_less.random, 1)
        weights(session)
    assert seen == [8, 16], "as of the eighth and of the sixteenth judgment"


def test_whoever_waits_is_served_what_was_known_before(
    session: Session, studio_less: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reliability, "of_answers", lambda answers, _: {answers[-1].person: answered(len(answers))})
    first, last = str(studio_less.people[2].id), str(studio_less.random.id)  # of the 8th and 16th judgment
    assert reliability.latest(session) == {first: answered(8)}, "computed, since nothing is known"
    studio_less.click(studio_less.random, 8)
    assert reliability.latest(session) == {first: answered(8)}
    assert weights(session, at_once=True) == {first: 0.5}
    assert weights(session) == {last: 0.5}
    assert reliability.latest(session) == {last: answered(16)}


def answered(number: int) -> Reliability:
    """What is known of somebody by so many answers."""
    return Reliability(number, 0, lapse=0.5, low=0.3, high=0.7, weight=0.5, told_apart=True, stands_out=False)


def test_nobody_is_named_whose_judgments_were_deleted_since(
    session: Session, studio_less: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = str(studio_less.people[0].id)
    made = studio_less.click(studio_less.people[0], 3, annotator="Cy", imported=True)
    monkeypatch.setattr(reliability, "of_answers", lambda *_: {ada: answered(3), "imported:Cy": answered(3)})
    assert set(reliability.latest(session)) == {ada, "imported:Cy"}
    with write_transaction(session):
        for judgment in made:
            session.delete(judgment)
        marks.change(session, marks.DELETIONS)
    assert set(reliability.latest(session)) == {ada}


@pytest.mark.parametrize(
    ("last", "up_to"), [(15, 8), (100, 96), (300, 288), (600, 576), (1_100, 1_088), (5_000, 4_992), (70_000, 69_952)]
)
def test_the_more_judgments_there_are_the_more_come_before_it_is_computed_again_up_to_64(
    session: Session, last: int, up_to: int
) -> None:
    counted, waiting = factories.user(session), factories.user(session)
    for person, number in ((counted, up_to), (waiting, up_to + 1), (waiting, last)):
        factories.judgment(session, factories.generation(session, person.id), id=number)
    assert {judge: one.answers for judge, one in reliability.reliabilities(session).items()} == {str(counted.id): 1}


def test_only_the_latest_of_each_person_are_read(
    session: Session, studio_less: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reliability, "LATEST", 3)
    studio_less.click(studio_less.random, 1)
    assert {one.answers for one in reliability.reliabilities(session).values()} == {3, 1}


def test_the_news_are_what_was_judged_here_since(session: Session) -> None:
    ada, bob = (factories.user(session) for _ in range(2))
    prompt, check = factories.prompt(session), factories.prompt(session, gold_answer="right")
    old = factories.judgment(session, factories.generation(session, ada.id), seconds=0.2)
    for person, texts, seconds in ((ada, ("a", "b", "c"), 0.4), (bob, ("b", "c", "a"), 3.0)):
        screen = factories.generation(session, person.id, texts, prompt=prompt)
        factories.judgment(session, screen, candidate_id=screen.candidates[1].id, seconds=seconds)
    right = factories.generation(session, bob.id, ("right", "wrong", "bad"), prompt=check, gold=True)
    factories.judgment(session, right, pairs=False, seconds=2.0)
    factories.judgment(session, factories.generation(session, ada.id), imported=True)
    found = news(session, old.id)
    assert found.judgments == 3
    assert (found.quick.part, found.quick.whole) == (1, 3)
    assert (found.same.part, found.same.whole) == (0, 1), "one chose b, the other c, whatever their places"
    assert found.positions.counts == (0, 2, 0)
    assert (found.checks.part, found.checks.whole) == (1, 1)


def test_everybody_who_judged_has_a_name_and_others_have_none(session: Session) -> None:
    ada, bob = factories.user(session, name="Ada"), factories.user(session)
    known = names(session, [str(ada.id), str(bob.id), "imported:Cy", "999999", "99999999999999999999", "x"])
    assert known == {str(ada.id): "Ada", str(bob.id): bob.email, "imported:Cy": "Cy, imported"}


SOME = Reliability(40, 2, lapse=0.12, low=0.0, high=0.35, weight=1.0, told_apart=False, stands_out=False)
LESS = Reliability(90, 0, lapse=0.5, low=0.3, high=0.7, weight=0.5, told_apart=True, stands_out=False)
CHANCE = Reliability(1200, 3, lapse=0.9, low=0.7, high=1.0, weight=0.1, told_apart=True, stands_out=True)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (None, "Too few of their clicks can be compared with those of others to say anything of them."),
        (
            SOME,
            "About 12 of 100 of their clicks say nothing (0 to 35), as far as 40 choices and 2 attention checks can "
            "tell. That is no sign that they are less reliable than others.",
        ),
        (
            LESS,
            "Their choices say less than others’. About 50 of 100 of their clicks say nothing (30 to 70), as far as 90 "
            "choices and 0 attention checks can tell. Each counts as 0.50 of a click.",
        ),
        (
            CHANCE,
            "Their choices cannot be told from chance. About 90 of 100 of their clicks say nothing (70 to 100), as far "
            "as 1,200 choices and 3 attention checks can tell. Each counts as 0.10 of a click.",
        ),
    ],
)
def test_a_person_is_described_and_not_accused(one: Reliability | None, sentence: str) -> None:
    assert in_words(one, weighed=True) == sentence


def test_what_counts_nothing_less_is_not_said_to() -> None:
    assert "counts as" not in in_words(CHANCE, weighed=False)
