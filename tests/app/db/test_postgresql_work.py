"""My work and its figures on PostgreSQL, whose dates, sums and searches are its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Verdict
from app.services.desk import judgments, own_judgments, pace, settings
from app.services.desk.judgments import JudgmentRequest
from app.services.desk.own_judgments import Filters
from tests import factories
from tests.studio import Person, make_person, parts

KOLKATA = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def session(postgres_app: Flask) -> Iterator[Session]:
    with parts(postgres_app).sessions() as session:
        yield session


@pytest.fixture
def annotator(postgres_app: Flask, session: Session) -> Person:
    return make_person(postgres_app, session)


def test_work_is_found_counted_changed_and_paged(session: Session, annotator: Person) -> None:
    me = annotator.id
    screens = [factories.generation(session, me, ["Quiet", "b", "c"]) for _ in range(3)]
    made = [
        factories.judgment(session, screen, seconds=4.0, created_at=NOON - timedelta(seconds=place))
        for place, screen in enumerate(screens)
    ]
    ids = [judgment.id for judgment in made]
    assert [one.id for one in own_judgments.page(session, me, Filters(text="QUIET"), KOLKATA).judgments] == ids
    below = own_judgments.page(session, me, Filters(day=NOON.date()), KOLKATA, made[1].id)
    assert [one.id for one in below.judgments] == ids[2:]
    tally = pace.today(session, me, KOLKATA, NOON)
    assert (tally.judged, tally.timed, tally.seconds) == (3, 3, 12.0)
    assert pace.sitting(session, me, NOON).judged == 3
    assert pace.streak(session, me, KOLKATA, NOON) == 1
    assert [day.judged for day in pace.chart(session, me, KOLKATA, NOON)] == [0] * 13 + [3]
    changed = judgments.judge_again(session, me, JudgmentRequest(screens[0].id, Verdict.NONE))
    assert own_judgments.superseded(session, me, [made[0]]) == {made[0].id: changed}
    assert pace.total(session, me) == 3


def test_settings_are_kept(session: Session, annotator: Person) -> None:
    settings.change(session, annotator.id, {"time_zone": "Asia/Kolkata"})
    settings.change(session, annotator.id, {"toured": True})
    kept = settings.read(session, annotator.id)
    assert (kept.zone, kept.toured) == (KOLKATA, True)
