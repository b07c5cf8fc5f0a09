"""Several people who ask the queue at the same moment, on both databases: nobody judges what enough others judge."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Barrier, BrokenBarrierError
from typing import cast

import numpy as np
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt, Reservation, Verdict, now, write_transaction
from app.services.desk import judgments, screens
from app.services.people import agreement
from app.services.prompts import queue, reservations, retirement, studio_settings
from models.reward.features import SIZE
from models.reward.head import Head
from models.serving.generator import Generator, Sampling, Screen
from models.serving.screen import Gone, Shown
from tests import factories
from tests.studio import parts, rows

PEOPLE = 6
_TOGETHER_SECONDS = 0.2


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Flask:
    """An application on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    return app


@dataclass
class Drawing:
    """A generator whose draws end only when everybody draws, or when nobody else comes; no two draws are alike."""

    people: int = PEOPLE
    version: int = 1
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._together = Barrier(self.people)

    def generate(self, text: str, sampling: Sampling, wanted: int, head: Head | None, gone: Gone) -> Screen:
        with suppress(BrokenBarrierError):  # the others have screens already, or there is nothing left for them
            self._together.wait(_TOGETHER_SECONDS)
        draw = next(self.numbers)
        shown = tuple(Shown(f"{text}, draw {draw}, {one}", -1.0, np.zeros(SIZE)) for one in range(3))
        return Screen(shown, False, {}, 1, 0.0)


def everybody(app: Flask, work: Callable[[Session, int], object], people: list[int]) -> None:
    ready = Barrier(len(people))

    def one(person: int) -> None:
        with parts(app).sessions() as session:
            ready.wait(30)
            work(session, person)

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(one, people))


@pytest.mark.long
@pytest.mark.parametrize("overlap", [1, 2])
def test_as_many_people_judge_each_prompt_as_are_wanted_and_no_more(either: Flask, overlap: int) -> None:
    prompts = 12
    with parts(either).sessions() as session:
        factories.version(session)
        people = [factories.user(session).id for _ in range(PEOPLE)]
        for number in range(prompts):
            factories.prompt(session, f"text {number}", queued=True, overlap=overlap)
        drawing = cast(Generator, Drawing())
        served: Counter[int] = Counter()
        lock = threading.Lock()

        def work(own: Session, person: int) -> None:
            while (found := screens.next_screen(own, drawing, person, Sampling(), [])) is not None:
                screen = found[0]
                with lock:
                    served[screen.prompt_id] += 1
                best = screen.candidates[0].id
                judgments.judge(own, person, judgments.JudgmentRequest(screen.id, Verdict.CHOSEN, candidate_id=best))

        everybody(either, work, people)

        assert set(served.values()) == {overlap}
        assert len(served) == prompts
        assert len(rows(session, Judgment)) == prompts * overlap
        if overlap > 1:
            assert agreement.measured(session).alpha.units == prompts, "all who judge a text see the same rewrites"


def test_people_who_start_together_get_different_texts(either: Flask) -> None:
    with parts(either).sessions() as session:
        factories.version(session)
        people = [factories.user(session).id for _ in range(PEOPLE)]
        for number in range(PEOPLE + 2):
            factories.prompt(session, f"text {number}", queued=True)
        drawing = cast(Generator, Drawing())
        got: list[str] = []

        def first(own: Session, person: int) -> None:
            found = screens.next_screen(own, drawing, person, Sampling(), [])
            assert found is not None
            got.append(found[0].prompt.text)

        everybody(either, first, people)
        assert sorted(got) == [f"text {number}" for number in range(PEOPLE)]
        assert all(prompt.queued for prompt in rows(session, Prompt))


@pytest.mark.parametrize(
    ("names", "counted"),
    [
        (["x", "y", "z"], 3),
        (["x", "x", "y"], 2),
        ([None, None, None], 1),
        (["x", "y", None], 3),
    ],
    ids=str,
)
def test_of_imported_judgments_the_people_whom_the_file_names_are_counted(
    either: Flask, names: list[str | None], counted: int
) -> None:
    with parts(either).sessions() as session:
        admin, other = factories.user(session).id, factories.user(session).id
        prompt = factories.prompt(session, queued=True, overlap=3)
        for name in names:
            screen = factories.generation(session, admin, prompt=prompt)
            factories.judgment(session, screen, annotator=name, imported=True)
        decided = studio_settings.settings(session)
        done = counted == 3
        assert reservations.counts_of(session, [prompt.id]) == {prompt.id: (counted, 0)}
        assert (queue.next_waiting(session, other, decided) is None) == done
        assert retirement.due(session, decided) == ([prompt.id] if done else [])


def test_a_text_that_as_many_imported_people_skipped_as_may_is_not_served(either: Flask) -> None:
    with parts(either).sessions() as session:
        admin, other = factories.user(session).id, factories.user(session).id
        decided = studio_settings.settings(session)
        prompt = factories.prompt(session, queued=True, overlap=1)
        for number in range(decided.most_skips):
            assert queue.next_waiting(session, other, decided) == prompt
            screen = factories.generation(session, admin, prompt=prompt)
            values = {"verdict": "skipped", "candidate_id": None, "imported": True}
            factories.judgment(session, screen, pairs=False, annotator=f"person {number}", **values)
        assert queue.next_waiting(session, other, decided) is None


def test_a_place_stays_reserved_for_whoever_imports_what_somebody_else_said(either: Flask) -> None:
    with parts(either).sessions() as session:
        admin, other = factories.user(session).id, factories.user(session).id
        prompt = factories.prompt(session, queued=True, overlap=2)
        with write_transaction(session):
            until = now() + reservations.RESERVED_FOR
            session.add(Reservation(prompt_id=prompt.id, user_id=admin, until=until))
        screen = factories.generation(session, admin, prompt=prompt)
        decided = studio_settings.settings(session)
        assert queue.next_waiting(session, other, decided) == prompt
        factories.judgment(session, screen, annotator="x", imported=True)
        assert queue.next_waiting(session, other, decided) is None
