"""The release step on small made-up folders: a staged version serves in the end, or nothing is published."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import Forgetting, ForgettingKind, LiveComparison, TrainingRun, Version, make_sessions, write_transaction
from app.runtime.queue import JobQueue
from app.services.prompts import studio_settings
from app.services.training import runs
from app.services.training.rebuilds import forgetting_runs
from app.services.versions import versions
from models.model_errors import StoreAway
from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import Person, parts, rows
from worker.publish import release
from worker.publish.release import Facts
from worker.studio import patience
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio
from worker.training.shared.training_errors import Cancelled

FACTS = Facts(parent=1, method="dpo", config={"beta": 0.2}, data_sha256="d" * 64, metrics={"parity": 1e-6})
NOTE = "The version was published but is not live."


@contextmanager
def staged_in(studio: Studio, weights: bytes) -> Iterator[Path]:
    """A made-up version in the store's staging folder."""
    with studio.store.stage() as staged:
        (staged / "model").mkdir()
        (staged / "model" / "weights").write_bytes(weights)
        yield staged


@pytest.fixture
def studio(app: Flask, session: Session) -> Studio:
    """A studio in which a made-up version 1 serves."""
    studio = Studio.of(parts(app).settings)
    with staged_in(studio, b"first") as staged:
        facts = dataclasses.replace(FACTS, parent=None, method="base")
        release.release(studio, staged, facts, note=None)
    return studio


@pytest.fixture
def staged(studio: Studio) -> Iterator[Path]:
    """What is to become the next version."""
    with staged_in(studio, b"second") as staged:
        yield staged


@pytest.fixture
def attempt(studio: Studio, session: Session) -> Attempt:
    """The attempt at the only run, which started from version 1."""
    attempt = Attempt.claim(studio.sessions, factories.run(session, total_steps=9).id)
    assert attempt is not None
    return attempt


def serving(session: Session) -> int | None:
    session.rollback()
    return versions.serving_number(session)


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    session.refresh(run)
    return run


def nothing_was_published(studio: Studio, session: Session) -> bool:
    """Whether the store, the database and the alias are as they were."""
    known = [version.number for version in rows(session, Version)]
    return (studio.store.numbers(), known, serving(session)) == ([1], [1], 1)


def test_a_staged_version_becomes_the_next_one_and_serves(
    studio: Studio, staged: Path, session: Session, queue_url: str
) -> None:
    with Redis.from_url(queue_url) as connection, connection.pubsub(ignore_subscribe_messages=True) as news:
        news.subscribe("mellow:alias")
        while news.get_message(timeout=5) is not None:
            pass  # the subscription is confirmed
        manifest = release.release(studio, staged, FACTS, note=None)
        message = news.get_message(timeout=5)
    assert message is not None
    assert message["data"] == b"2", "the web processes are told at once"
    assert studio.store.verify(2) == manifest
    assert (manifest.number, manifest.parent, manifest.method, manifest.metrics) == (2, 1, "dpo", {"parity": 1e-6})
    assert (studio.store.folder(2) / "model" / "weights").read_bytes() == b"second"
    version = rows(session, Version)[1]
    assert (version.number, version.sha256, version.location) == (2, manifest.sha256, str(studio.store.folder(2)))
    assert serving(session) == 2


def test_the_run_of_a_released_version_ends_well(
    studio: Studio, staged: Path, session: Session, attempt: Attempt
) -> None:
    facts = dataclasses.replace(FACTS, run_id=attempt.run_id, run_key=attempt.key)
    release.release(studio, staged, facts, note=None, attempt=attempt)
    run = only(session)
    assert (run.status, run.produced_version, run.note, run.data_hash) == ("succeeded", 2, None, "d" * 64)
    assert run.step == run.total_steps
    assert studio.store.find_run(attempt.key) == studio.store.manifest(2)


def test_a_version_with_a_note_is_published_and_does_not_serve(
    studio: Studio, staged: Path, session: Session, attempt: Attempt
) -> None:
    release.release(studio, staged, FACTS, NOTE, attempt)
    assert studio.store.verify(2).number == 2
    assert [version.number for version in rows(session, Version)] == [1, 2]
    assert serving(session) == 1
    assert (only(session).status, only(session).produced_version, only(session).note) == ("succeeded", 2, NOTE)


def test_a_version_does_not_take_the_place_of_one_that_somebody_chose_while_it_was_trained(
    studio: Studio, session: Session, staged: Path, attempt: Attempt, admin: Person
) -> None:
    with staged_in(studio, b"another") as another:
        release.release(studio, another, FACTS, note=None)
    versions.promote(session, 1, admin.id)
    release.release(studio, staged, FACTS, note=None, attempt=attempt)
    assert serving(session) == 1
    run = only(session)
    assert (run.status, run.produced_version) == ("succeeded", 3)
    assert run.note is not None
    assert "version 1 was made live while it was trained" in run.note


def test_a_retrained_version_serves_and_is_compared_with_what_served_before(
    studio: Studio, staged: Path, session: Session, attempt: Attempt
) -> None:
    release.release(studio, staged, FACTS, note=None, attempt=attempt)
    (comparison,) = rows(session, LiveComparison)
    assert (comparison.state, comparison.old_number, comparison.new_number) == ("running", 1, 2)
    assert (comparison.serving_number, serving(session), only(session).note) == (2, 2, None)


def test_a_version_that_must_prove_itself_first_is_compared_while_the_one_before_serves(
    studio: Studio, staged: Path, session: Session, attempt: Attempt, admin: Person
) -> None:
    studio_settings.change(session, admin.id, {"prove_first": True})
    release.release(studio, staged, FACTS, note=None, attempt=attempt)
    (comparison,) = rows(session, LiveComparison)
    assert (comparison.old_number, comparison.new_number, comparison.serving_number) == (1, 2, 1)
    assert serving(session) == 1
    assert "it goes live once the clicks show that it is better" in str(only(session).note)


def test_the_next_version_ends_a_comparison_and_is_compared_with_what_serves(
    studio: Studio, staged: Path, session: Session, attempt: Attempt
) -> None:
    release.release(studio, staged, FACTS, note=None, attempt=attempt)
    again = Attempt.claim(studio.sessions, factories.run(session, total_steps=9).id)
    with staged_in(studio, b"third") as third:
        release.release(studio, third, FACTS, note=None, attempt=again)
    first, second = rows(session, LiveComparison)
    assert (first.state, first.reason) == ("ended", "Version 3 was published meanwhile and is live.")
    assert (second.state, second.old_number, second.new_number) == ("running", 2, 3)


def test_a_version_that_was_made_to_forget_is_not_compared_with_the_one_that_remembers(
    studio: Studio, staged: Path, session: Session, attempt: Attempt
) -> None:
    of_a_forgetting(session, only(session))
    release.release(studio, staged, FACTS, note=None, attempt=attempt)
    assert (serving(session), rows(session, LiveComparison)) == (2, [])


@pytest.mark.parametrize("why_not", ["switched off", "refused by the gate", "not retrained"])
def test_nothing_is_compared_and_what_is_compared_goes_on(
    studio: Studio, staged: Path, session: Session, attempt: Attempt, admin: Person, why_not: str
) -> None:
    factories.version(session, 2)
    if why_not == "switched off":
        studio_settings.change(session, admin.id, {"compare_live": False, "prove_first": True})
    before = factories.comparison(session, serving_number=1).id if why_not == "refused by the gate" else None
    note, of = (NOTE, attempt) if before else (None, attempt if why_not == "switched off" else None)
    release.release(studio, staged, FACTS, note, of)
    assert serving(session) == (1 if before else 3)
    assert [one.id for one in rows(session, LiveComparison) if one.state == "running"] == ([before] if before else [])


def test_a_number_that_is_taken_meanwhile_leads_to_the_next_one(
    studio: Studio, staged: Path, session: Session, rival: None
) -> None:
    manifest = release.release(studio, staged, FACTS, note=None)
    assert manifest.number == studio.store.verify(3).number == 3
    assert (studio.store.folder(2) / "model" / "weights").read_bytes() == b"first", "that of the other stays"
    assert serving(session) == 3


def test_a_number_is_above_all_that_the_database_knows_and_not_below_the_lowest(
    studio: Studio, session: Session
) -> None:
    factories.version(session, 4, parent_number=1)  # its files were deleted
    for lowest, number in ((1, 5), (9, 9), (2, 10)):
        with staged_in(studio, b"more") as staged:
            assert release.release(studio, staged, FACTS, NOTE, lowest=lowest).number == number


@pytest.mark.parametrize("loss", ["asked to stop", "cancelled", "taken by another"])
def test_an_attempt_that_lost_its_run_publishes_nothing(
    studio: Studio, staged: Path, session: Session, attempt: Attempt, loss: str
) -> None:
    if loss == "taken by another":
        with write_transaction(session):
            only(session).attempts += 1
    else:
        runs.cancel(session, attempt.run_id, None)
    if loss == "cancelled":
        attempt.end_cancelled()
    before = only(session).status
    with pytest.raises(Cancelled, match=r"^The run was cancelled before its version was recorded\.$"):
        release.release(studio, staged, FACTS, note=None, attempt=attempt)
    assert nothing_was_published(studio, session)
    assert (only(session).status, only(session).produced_version) == (before, None)


def test_a_database_that_fails_leaves_nothing_published(
    studio: Studio, staged: Path, session: Session, tmp_path: Path
) -> None:
    broken = dataclasses.replace(studio, sessions=make_sessions(f"sqlite:///{tmp_path / 'empty.db'}"))
    with pytest.raises(OperationalError, match="no such table"):
        release.release(broken, staged, FACTS, note=None)
    nowhere = dataclasses.replace(studio, sessions=make_sessions("sqlite:////nowhere/mellow.db"))
    with pytest.raises(OperationalError, match="unable to open database file"):
        release.release(nowhere, staged, FACTS, note=None)
    assert nothing_was_published(studio, session)


def of_a_forgetting(session: Session, *its_runs: TrainingRun) -> None:
    """Let the runs be those of one forgetting."""
    with write_transaction(session):
        forgetting = Forgetting(kind=ForgettingKind.DELETED, number=None, target=1, serve=True, learned=[1])
        session.add(forgetting)
        session.flush()
        for run in its_runs:
            run.forgetting_id = forgetting.id


@contextmanager
def meanwhile(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], *, answer_is_lost: bool = False
) -> Iterator[None]:
    """Let something happen once, while a version is being put into the store, whose answer may be lost after that."""
    put, to_happen = CheckpointStore.publish, [happens]

    def publish(store: CheckpointStore, staged: Path, number: int) -> None:
        first = to_happen.pop() if to_happen else None
        if first is not None:
            first()
        put(store, staged, number)
        if first is not None and answer_is_lost:
            raise StoreAway("It does not answer.")

    with monkeypatch.context() as for_now:
        for_now.setattr(CheckpointStore, "publish", publish)
        for_now.setattr(patience, "look_again", lambda: None)
        yield


def facts_of(attempt: Attempt) -> Facts:
    return dataclasses.replace(FACTS, run_id=attempt.run_id, run_key=attempt.key)


@pytest.mark.parametrize("answer_is_lost", [False, True])
def test_people_click_and_cancel_while_the_store_is_slow_and_what_is_published_is_not_made_live(
    studio: Studio,
    staged: Path,
    session: Session,
    attempt: Attempt,
    monkeypatch: pytest.MonkeyPatch,
    answer_is_lost: bool,
) -> None:
    run, followers = only(session), [factories.run(session, wish=wish) for wish in ("second", "third")]
    of_a_forgetting(session, run, *followers)
    cancel = partial(runs.cancel, session, attempt.run_id, None)
    with meanwhile(monkeypatch, cancel, answer_is_lost=answer_is_lost):
        release.release(studio, staged, facts_of(attempt), forgetting_runs.NOT_LAST, attempt)
    assert serving(session) == 1
    assert [version.number for version in rows(session, Version)] == [1, 2]
    assert (run.status, run.produced_version) == ("succeeded", 2)
    assert str(run.note).endswith("its run was to be cancelled while it was being published.")
    assert [(one.status, one.parent_version) for one in followers] == [("cancelled", 1)] * 2
    assert followers[0].error == f"Run {run.id}, from whose version it was to start, was cancelled."


def test_a_cancel_between_the_files_and_their_row_has_the_same_end(
    studio: Studio, staged: Path, session: Session, attempt: Attempt
) -> None:
    manifest = release.seal(studio.store, staged, number=2, **vars(facts_of(attempt)))
    studio.store.publish(staged, 2)
    runs.cancel(session, attempt.run_id, None)
    release.record(studio, manifest, None, attempt)
    assert (only(session).status, only(session).produced_version, serving(session)) == ("succeeded", 2, 1)


@pytest.mark.parametrize("first", ["the one taken for dead", "the one that took over"])
def test_of_an_attempt_that_was_taken_for_dead_and_the_next_one_only_one_publishes(
    studio: Studio, staged: Path, session: Session, attempt: Attempt, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    successors: list[Attempt | None] = []

    def released_by_the_next() -> None:
        (successor,) = successors
        assert successor is not None
        with staged_in(studio, b"second") as another:
            release.release(studio, another, facts_of(successor), None, successor)

    def take_over() -> None:
        with write_transaction(session):
            only(session).status = "queued"
        successors.append(Attempt.claim(studio.sessions, attempt.run_id))
        if first == "the one that took over":
            released_by_the_next()

    with meanwhile(monkeypatch, take_over), pytest.raises(Cancelled):
        release.release(studio, staged, facts_of(attempt), None, attempt)
    if first == "the one taken for dead":
        assert [version.number for version in rows(session, Version)] == [1]
        released_by_the_next()
    assert studio.store.numbers() == [version.number for version in rows(session, Version)] == [1, 2]
    assert (only(session).status, only(session).produced_version, serving(session)) == ("succeeded", 2, 2)


def test_the_number_that_a_killed_attempt_intended_is_left_to_whoever_took_it(
    studio: Studio, staged: Path, session: Session, attempt: Attempt
) -> None:
    with write_transaction(session):
        only(session).intended_version = 2
    with staged_in(studio, b"another") as another:
        release.release(studio, another, FACTS, NOTE)
    assert release.release(studio, staged, facts_of(attempt), None, attempt).number == 3
    assert only(session).intended_version == 3


def test_files_that_lie_in_the_store_already_are_recorded_as_they_are(studio: Studio, session: Session) -> None:
    with staged_in(studio, b"second") as staged:
        manifest: Manifest = release.seal(studio.store, staged, number=2, **vars(FACTS))
        studio.store.publish(staged, 2)
    release.record(studio, manifest, note=None)
    assert rows(session, Version)[1].sha256 == studio.store.verify(2).sha256
    assert serving(session) == 2


def test_while_the_queue_is_away_the_version_serves_and_the_log_says_how_it_is_found(
    studio: Studio, staged: Path, session: Session, attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    away = dataclasses.replace(studio, queue=JobQueue("unix:///nowhere/valkey.sock"))
    with caplog.at_level(logging.WARNING, logger=release.__name__):
        release.release(away, staged, FACTS, note=None, attempt=attempt)
    assert caplog.messages == ["The queue is away: the web processes will see version 2 by polling."]
    assert (serving(session), only(session).status) == (2, "succeeded")
