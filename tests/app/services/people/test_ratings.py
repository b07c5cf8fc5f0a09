"""Ratings that are kept are those that a first look gives, whatever has happened since."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.db import Judgment, now
from app.services.people import ratings
from tests import factories
from tests.studio import parts

WINDOW = 6


@pytest.fixture(autouse=True)
def a_small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "WINDOW", WINDOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session


def by_person(units: list[ratings.Unit]) -> list[list[tuple[ratings.Person, str]]]:
    return sorted((sorted(unit.items(), key=str) for unit in units), key=str)


def kept(session: Session) -> list[list[tuple[ratings.Person, str]]]:
    return by_person(ratings.units(session))


def looked_at_anew(session: Session) -> list[list[tuple[ratings.Person, str]]]:
    first_look = ratings._Latest()
    first_look.bring_up_to_date(session)
    return by_person(list(first_look.shared.values()))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_is_what_a_first_look_gives_after_every_kind_of_change(either: Session, seed: int) -> None:
    chance = random.Random(seed)
    people = [factories.user(either).id for _ in range(3)]
    prompts = [factories.prompt(either) for _ in range(3)]
    made: list[Judgment] = []
    seen = set()
    for _ in range(40):
        standing = [judgment for judgment in made if judgment.undone_at is None]
        if standing and chance.random() < 0.35:
            chance.choice(standing[-2 * WINDOW :]).undone_at = now()
        else:
            texts = chance.sample(("one", "two", "three"), 3)
            screen = factories.generation(either, chance.choice(people), texts, prompt=chance.choice(prompts))
            said = chance.choice(("chosen", "chosen", "none", "skipped"))
            best = chance.choice(screen.candidates).id if said == "chosen" else None
            made.append(factories.judgment(either, screen, pairs=False, verdict=said, candidate_id=best))
        either.commit()
        assert kept(either) == looked_at_anew(either)
        seen.add(len(kept(either)))
    assert len(seen) > 1, "units came and went"


def test_a_judgment_that_becomes_visible_after_a_later_one_counts(either: Session) -> None:
    if either.get_bind().dialect.name == "sqlite":
        pytest.skip("In SQLite judgments become visible in the order of their ids.")
    prompt = factories.prompt(either)
    for number in (1_002, 1_001):
        screen = factories.generation(either, factories.user(either).id, ("one", "two"), prompt=prompt)
        factories.judgment(either, screen, id=number, pairs=False, verdict="none", candidate_id=None)
        found = kept(either)
    assert [[said for _, said in unit] for unit in found] == [["none", "none"]]


def test_another_database_in_the_place_of_this_one_is_looked_at_anew(either: Session) -> None:
    def judged_by_two(said: str, first: int) -> None:
        prompt = factories.prompt(either)
        for number in (first, first + 1):
            screen = factories.generation(either, factories.user(either).id, ("one", "two"), prompt=prompt)
            factories.judgment(either, screen, id=number, pairs=False, verdict=said, candidate_id=None)

    judged_by_two("none", 1)
    judged_by_two("tie", 1_000_000)
    assert len(kept(either)) == 2
    either.execute(delete(Judgment).where(Judgment.id > 2))

    assert [[said for _, said in unit] for unit in kept(either)] == [["none", "none"]]


def test_a_first_look_that_failed_is_made_anew(either: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "_IDS_AT_ONCE", 1)
    prompt = factories.prompt(either)
    book, people = ratings._Latest(), [factories.user(either).id for _ in range(3)]

    def judge(person: int) -> None:
        screen = factories.generation(either, person, ("one", "two"), prompt=prompt)
        factories.judgment(either, screen, pairs=False, verdict="none", candidate_id=None)

    def fail_at_the_second(session: Session, generation_ids: Sequence[int]) -> dict[int, ratings.Shown]:
        if book._ratings:
            raise OSError("the disk does not answer")
        return screens(session, generation_ids)

    screens = ratings.shown
    judge(people[0])
    judge(people[1])
    with monkeypatch.context() as patch:
        patch.setattr(ratings, "shown", fail_at_the_second)
        with pytest.raises(OSError, match="does not answer"):
            book.bring_up_to_date(either)
    judge(people[2])
    book.bring_up_to_date(either)

    assert by_person(list(book.shared.values())) == looked_at_anew(either)
    assert [len(unit) for unit in book.shared.values()] == [3]


def test_units_come_in_an_order_that_their_history_does_not_decide(either: Session) -> None:
    for _ in range(8):
        prompt = factories.prompt(either)
        for person in (factories.user(either).id, factories.user(either).id):
            screen = factories.generation(either, person, ("one", "two"), prompt=prompt)
            factories.judgment(either, screen, pairs=False, verdict="none", candidate_id=None)
        one_by_one = ratings.units(either)
    ratings._books._kept.clear()  # another process, which remembers nothing

    assert ratings.units(either) == one_by_one
