from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.db import Judgment, Kept, Prompt, Review, everything, now, within, write_transaction
from app.services.review import counting, looking
from app.services.system import deletions, marks
from tests import factories
from tests.app.services.review.conftest import TEXTS, Disputed, say
from tests.studio import parts, rows


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session


def figures(session: Session) -> list[tuple[object, ...]]:
    return sorted(
        (one.prompt_id, one.texts_sha256, one.people, one.disagreement, one.flags, one.state, one.decision_id or 0)
        for one in rows(session, Review)
    )


@pytest.mark.long
def test_what_was_counted_step_by_step_is_what_counting_everything_gives(either: Session) -> None:
    chance = random.Random(7)
    people = [factories.user(either).id for _ in range(3)]
    prompts = [factories.prompt(either) for _ in range(3)]
    for _ in range(40):
        standing = [one for one in rows(either, Judgment) if one.undone_at is None]
        if standing and chance.random() < 0.3:
            with write_transaction(either):
                either.get_one(Judgment, chance.choice(standing).id).undone_at = now()
        elif standing and chance.random() < 0.1:
            with write_transaction(either):
                deletions.delete_screens(either, [chance.choice(standing).generation_id])
        else:
            texts = chance.choice((TEXTS, TEXTS[::-1], ("a", "b")))
            screen = factories.generation(either, chance.choice(people), texts, prompt=chance.choice(prompts))
            say(either, screen, chance.choice((None, *texts)), decision=chance.random() < 0.1)
        looking.look(either)
    kept = figures(either)
    either.rollback()
    with write_transaction(either):
        counting.count(either, [one.id for one in rows(either, Prompt)])
    assert figures(either) == kept
    assert kept


def test_a_look_that_finds_nothing_new_writes_nothing(session: Session, disputed: Disputed) -> None:
    disputed.judged(TEXTS[0], TEXTS[1])
    assert looking.look(session) == 0
    seen: list[str] = []
    engine = session.get_bind().engine
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    session.rollback()
    looking.look(session)
    assert len([one for one in seen if one.startswith("SELECT")]) <= 3
    assert {one.partition(" ")[0] for one in seen} <= {"BEGIN", "SELECT"}


def test_a_process_that_begins_goes_on_where_the_last_one_stood(
    session: Session, disputed: Disputed, monkeypatch: pytest.MonkeyPatch
) -> None:
    disputed.judged(TEXTS[0], TEXTS[1])
    monkeypatch.setattr(looking, "_IDS_AT_ONCE", 2)
    looking.look(session)
    monkeypatch.setattr(looking, "_places", Kept(looking._Place))
    counted: list[int] = []
    monkeypatch.setattr(counting, "count", lambda _session, prompts: counted.extend(prompts))
    looking.look(session)
    assert counted == []
    kept = marks.read(session, looking.MARK)
    assert kept["value"]["up_to"] == 2


def test_a_look_ends_after_its_time_and_the_next_one_goes_on(
    session: Session, disputed: Disputed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        disputed.judged(TEXTS[0], TEXTS[1])
    monkeypatch.setattr(looking, "_IDS_AT_ONCE", 2)
    monkeypatch.setattr(looking, "SECONDS", 0.0)
    assert looking.look(session) == 2
    assert len(rows(session, Review)) == 1
    assert looking.look(session) == 0
    assert len(rows(session, Review)) == 2


def test_each_project_is_looked_through_by_itself(session: Session, disputed: Disputed) -> None:
    second = factories.project(session).id
    disputed.judged(TEXTS[0], TEXTS[1])
    with within(session, second):
        theirs = disputed.judged(TEXTS[0], TEXTS[1])
    disputed.judged(TEXTS[0], TEXTS[1])
    looking.look_everywhere(session)
    with everything(session):
        assert sorted(one.project_id for one in rows(session, Review)) == [1, 1, second]
    with within(session, second):
        theirs[0].undone_at = now()
        session.commit()
    looking.look(session)
    looking.look_everywhere(session)
    with everything(session):
        assert [one.project_id for one in rows(session, Review)] == [1, 1]
