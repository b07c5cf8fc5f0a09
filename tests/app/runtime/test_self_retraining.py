"""Web processes ask the rule again and again, and together they request one run."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import SERVING, Alias, AuditEvent, TrainingRun, write_transaction
from app.runtime.self_retraining import SelfRetraining
from app.services.prompts import studio_settings
from tests import factories
from tests.studio import parts, rows

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def due(session: Session) -> int:
    """A studio in which a run is due; returns the id of its admin."""
    factories.version(session)
    factories.serving(session)
    person = factories.user(session).id
    studio_settings.change(session, person, {"retrain_by_itself": True, "retrain_after_clicks": 1})
    factories.judgment(session, factories.generation(session, person))
    return person


def test_a_run_that_is_due_is_requested_and_enqueued(app: Flask, session: Session, due: int) -> None:
    SelfRetraining(parts(app).queue, lambda: NOON).look(session)
    (run,) = rows(session, TrainingRun)
    assert run.occasion is not None
    assert run.job_id is not None
    assert parts(app).queue.has_job(run.job_id)


def test_processes_that_look_at_the_same_moment_request_one_run(app: Flask, session: Session, due: int) -> None:
    together = threading.Barrier(4)

    def process() -> None:
        looks = SelfRetraining(parts(app).queue, lambda: NOON)
        with parts(app).sessions() as own:
            together.wait()
            looks.look(own)

    threads = [threading.Thread(target=process) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(session, TrainingRun)) == 1
    assert sum(event.action == "run.requested" for event in rows(session, AuditEvent)) == 1


def test_where_it_is_refused_the_reason_is_logged_and_the_next_look_asks_again(
    app: Flask, session: Session, due: int, caplog: pytest.LogCaptureFixture
) -> None:
    looks = SelfRetraining(parts(app).queue, lambda: NOON)
    with write_transaction(session):
        session.delete(session.get_one(Alias, SERVING))
    with caplog.at_level("INFO"):
        looks.look(session)
    assert "No run began by itself: No version is live yet" in caplog.text
    assert rows(session, TrainingRun) == []
    factories.serving(session)
    looks.look(session)
    assert len(rows(session, TrainingRun)) == 1
