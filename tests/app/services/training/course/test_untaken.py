"""A run that waits where no worker takes it says so, until one does."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.db import RunStatus
from app.services.training import runs
from app.services.training.course import untaken
from tests import factories


@pytest.mark.parametrize("queue", ["gpu", "cpu", "default"])
def test_a_waiting_run_says_from_which_queue_no_worker_takes(session: Session, queue: str) -> None:
    run = factories.run(session)
    assert (untaken.first(session), untaken.queue_of(run)) == (None, None)
    untaken.tell(session, run, queue)
    assert (untaken.first(session), untaken.queue_of(run)) == (run, queue)
    assert run.stage == f"waiting: no worker takes from {queue}"
    untaken.tell(session, run, None)
    assert (untaken.first(session), run.stage) == (None, "queued")


def test_a_run_that_was_taken_meanwhile_says_what_it_is_at(session: Session) -> None:
    run = factories.run(session, RunStatus.RUNNING, stage="training")
    untaken.tell(session, run, "gpu")
    assert (run.stage, untaken.queue_of(run)) == ("training", None)


def test_a_run_whose_worker_died_goes_on_to_say_so(session: Session) -> None:
    run = factories.run(session, stage="queued again, its worker died")
    untaken.tell(session, run, None)
    assert run.stage == "queued again, its worker died"


def test_a_worker_that_takes_the_run_ends_it(session: Session) -> None:
    run = factories.run(session)
    untaken.tell(session, run, "gpu")
    assert runs.claim(session, run.id) == 1
    session.refresh(run)
    assert (run.stage, untaken.first(session)) == ("starting", None)
