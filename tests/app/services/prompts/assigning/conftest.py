"""People and prompts that are assigned to them, on a day that tests choose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Prompt, Verdict
from app.services.desk import judgments
from app.services.prompts import queue, studio_settings
from app.services.prompts.assigning import assignments, standing
from app.services.prompts.assigning.assignments import Assigning
from tests import factories
from tests.studio import Person, make_person

TODAY = date(2026, 11, 30)


@pytest.fixture(autouse=True)
def come(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Let a day of UTC come."""

    def begin(day: date) -> None:
        for module in (standing, assignments):
            monkeypatch.setattr(module, "today", lambda: day)

    begin(TODAY)
    return begin


@pytest.fixture
def ada(app: Flask, session: Session) -> int:
    return make_person(app, session, name="Ada").id


@pytest.fixture
def ben(app: Flask, session: Session) -> int:
    return make_person(app, session, name="Ben").id


def queued(session: Session, number: int, **values: Any) -> list[int]:
    return [factories.prompt(session, queued=True, **values).id for _ in range(number)]


def next_id(session: Session, person: int) -> int | None:
    found = queue.next_waiting(session, person, studio_settings.settings(session))
    return found.id if found else None


def judge(session: Session, person: int, prompt_id: int, verdict: Verdict = Verdict.NONE) -> int:
    screen = factories.generation(session, person, prompt=session.get_one(Prompt, prompt_id))
    return judgments.judge(session, person, judgments.JudgmentRequest(screen.id, verdict))


def assign(session: Session, admin: Person, ids: list[int], person: int | None = None, **values: Any) -> int:
    wished = Assigning(user_id=person, **values)
    return assignments.assign(session, admin.id, ids, wished).id
