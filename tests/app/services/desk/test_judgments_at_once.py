"""The same screen judged several times at the same moment, on both databases: one judgment, and the others are told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask

from app.db import Judgment, Preference, Verdict
from app.domain_errors import Conflict
from app.services.desk import judgments
from app.services.desk.judgments import JudgmentRequest
from tests import factories
from tests.studio import parts, rows

SENDERS = 6
KEY = "8d1f7a52-6c0d-4f44-9a41-0c5f2a3b7d10"


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Flask:
    """An application on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    return app


def at_once(app: Flask, person: int, gestures: list[JudgmentRequest], store: Callable[..., int]) -> list[int | str]:
    """What becomes of each gesture when all are sent at the same moment: the judgment's id or the refusal."""
    ready = Barrier(len(gestures))

    def send(gesture: JudgmentRequest) -> int | str:
        with parts(app).sessions() as session:
            ready.wait(30)
            try:
                return store(session, person, gesture)
            except Conflict as error:
                return str(error)

    with ThreadPoolExecutor(len(gestures)) as pool:
        return list(pool.map(send, gestures))


@pytest.mark.parametrize("key", [KEY, None])
def test_the_same_gesture_sent_at_once_is_one_judgment_whose_id_all_are_told(either: Flask, key: str | None) -> None:
    with parts(either).sessions() as session:
        person = factories.user(session)
        screen = factories.generation(session, person.id, ["a", "b", "c"])
        gesture = JudgmentRequest(screen.id, Verdict.CHOSEN, screen.candidates[0].id, client_key=key)

        told = at_once(either, person.id, [gesture] * SENDERS, judgments.judge)

        (judgment,) = rows(session, Judgment)
        assert told == [judgment.id] * SENDERS
        assert len(rows(session, Preference)) == 2


def test_of_different_verdicts_at_once_one_stands_and_the_others_are_told_of_it(either: Flask) -> None:
    with parts(either).sessions() as session:
        person = factories.user(session)
        screen = factories.generation(session, person.id, ["a", "b", "c"])
        gestures = [JudgmentRequest(screen.id, Verdict.CHOSEN, candidate.id) for candidate in screen.candidates]

        told = at_once(either, person.id, gestures, judgments.judge)

        (judgment,) = rows(session, Judgment)
        assert told.count(judgment.id) == 1
        assert sum("another verdict already" in str(one) for one in told) == 2


def test_a_key_that_another_gesture_has_is_refused_where_the_verdict_is_changed(either: Flask) -> None:
    with parts(either).sessions() as session:
        person = factories.user(session)
        first, second = (factories.generation(session, person.id, ["a", "b"]) for _ in range(2))
        known = judgments.judge(session, person.id, JudgmentRequest(first.id, Verdict.NONE, client_key=KEY))

        with pytest.raises(Conflict):
            judgments.judge_again(session, person.id, JudgmentRequest(second.id, Verdict.NONE, client_key=KEY))

        assert [judgment.id for judgment in rows(session, Judgment)] == [known]
