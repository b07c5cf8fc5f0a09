"""Two people at one row at the same moment, on PostgreSQL: the second waits for the first, and then sees what it did.

The first is held in the middle of its transaction until the second waits for its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import SERVING, Alias, AssignedPrompt, RunStatus, TrainingRun, Version, now, write_transaction
from app.domain_errors import Conflict
from app.services.prompts.assigning import assignments
from app.services.prompts.assigning.assignments import Assigning
from app.services.training import runs
from app.services.versions import live_comparison, versions
from app.services.versions.live_comparison_verdict import look
from models.store.store import CheckpointStore
from tests import factories
from tests.processes import wait_for
from tests.studio import parts

T = TypeVar("T")
_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture
def session(postgres_app: Flask) -> Iterator[Session]:
    with parts(postgres_app).sessions() as session:
        yield session


def second_of(app: Flask, first: Callable[[Session], object], second: Callable[[Session], T]) -> T:
    """Do `second` while `first` has written and not committed yet; return what the second returns."""
    sessions = parts(app).sessions

    def in_a_session_of_its_own() -> T:
        with sessions() as session:
            return second(session)

    with sessions() as watching, ThreadPoolExecutor(1) as pool:
        with sessions() as session, write_transaction(session):
            first(session)
            session.flush()
            pending = pool.submit(in_a_session_of_its_own)
            wait_for(lambda: pending.done() or watching.scalar(_WAITING), what="the second at the lock")
        return pending.result(20)


def test_a_run_that_is_being_cancelled_is_not_claimed(postgres_app: Flask, session: Session) -> None:
    run = factories.run(session)

    def cancels(own: Session) -> None:
        mine = own.get_one(TrainingRun, run.id, with_for_update=True)
        mine.status, mine.wish = RunStatus.CANCELLED, None

    assert second_of(postgres_app, cancels, lambda own: runs.claim(own, run.id)) is None
    session.refresh(run)
    assert (run.status, run.attempts) == (RunStatus.CANCELLED, 0)


def test_a_run_that_is_being_claimed_is_asked_to_stop_and_not_ended(postgres_app: Flask, session: Session) -> None:
    run = factories.run(session)

    def claims(own: Session) -> None:
        mine = own.get_one(TrainingRun, run.id, with_for_update=True)
        mine.status, mine.attempts = RunStatus.RUNNING, 1

    second_of(postgres_app, claims, lambda own: runs.cancel(own, run.id, None).id)
    session.refresh(run)
    assert run.status == RunStatus.RUNNING
    assert run.cancel_requested_at is not None


def test_a_run_that_is_being_given_to_another_worker_is_no_longer_owned(postgres_app: Flask, session: Session) -> None:
    run = factories.run(session, RunStatus.RUNNING, attempts=1)

    def takes_over(own: Session) -> None:
        own.get_one(TrainingRun, run.id, with_for_update=True).attempts = 2

    second_of(postgres_app, takes_over, lambda own: runs.fail(own, run.id, 1, "The disk is full."))
    session.refresh(run)
    assert (run.status, run.error) == (RunStatus.RUNNING, None)


@pytest.fixture
def store(postgres_app: Flask) -> CheckpointStore:
    return parts(postgres_app).store


@pytest.fixture
def admin(session: Session) -> int:
    factories.version(session, 1)
    factories.version(session, 2)
    factories.serving(session, 1)
    return factories.user(session).id


def test_a_version_that_is_being_promoted_is_not_deleted(
    postgres_app: Flask, session: Session, store: CheckpointStore, admin: int
) -> None:
    def promotes(own: Session) -> None:
        versions.usable(own, 2, locked=True)
        versions.point_serving_at(own, 2, admin)

    with pytest.raises(Conflict, match=r"^Version 2 is live: make another version live before you delete it\.$"):
        second_of(postgres_app, promotes, lambda own: versions.delete(own, store, admin, 2, 2))
    assert session.get_one(Version, 2).deleted_at is None


def deletes(own: Session) -> None:
    own.get_one(Version, 2, with_for_update=True).deleted_at = now()


def test_a_version_that_is_being_deleted_is_not_promoted(postgres_app: Flask, session: Session, admin: int) -> None:
    with pytest.raises(Conflict, match="Version 2 was deleted"):
        second_of(postgres_app, deletes, lambda own: versions.promote(own, 2, admin))
    assert versions.serving_number(session) == 1


def test_a_comparison_that_is_being_ended_by_hand_is_not_decided_by_its_clicks(
    postgres_app: Flask, session: Session
) -> None:
    comparison = factories.comparison(session)
    people = [factories.user(session).id for _ in range(2)]
    for click in range(30):
        factories.preferred(session, people[click % 2], comparison, 1, new_cards=2)

    def ends(own: Session) -> None:
        own.get_one(Alias, SERVING, with_for_update=True)
        live_comparison.end_running(own, "Enough of it.", people[0])

    assert second_of(postgres_app, ends, lambda own: look(own) is not None) is False
    session.refresh(comparison)
    assert (comparison.state, comparison.outcome, comparison.reason) == ("ended", None, "Enough of it.")
    assert versions.serving_number(session) == 2


def test_no_run_starts_from_a_version_that_is_being_deleted(postgres_app: Flask, session: Session, admin: int) -> None:
    factories.judgment(session, factories.generation(session, admin, ["a", "b"]))
    with pytest.raises(Conflict, match="Version 2 was deleted"):
        second_of(postgres_app, deletes, lambda own: runs.request(own, admin, "dpo", {}, parent_version=2)[0].id)
    assert runs.queue(session) == []


def test_prompts_that_are_being_assigned_move_to_whom_they_are_assigned_next(
    postgres_app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben, admin, other = (factories.user(session).id for _ in range(4))
    prompts = [factories.prompt(session, queued=True).id for _ in range(2)]

    def to_ada(own: Session) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(assignments, "write_transaction", lambda _: nullcontext())  # it is held open here
            assignments.assign(own, admin, prompts, Assigning(user_id=ada))

    made = second_of(postgres_app, to_ada, lambda own: assignments.assign(own, other, prompts, Assigning(user_id=ben)))
    assert (made.prompts, made.moved) == (2, 2)
    assert session.scalars(select(AssignedPrompt.assignment_id)).all() == [made.id, made.id]
