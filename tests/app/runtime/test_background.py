"""The threads beside the requests of a web process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.assembly import ensure_serving_started
from app.db import LiveComparison, RunStatus, TrainingRun, write_transaction
from app.runtime import background, rescue
from app.services.exchange.incoming.shared_uploads import uploads_of
from app.services.people import reliability
from app.services.system import marks
from app.services.training import runs
from app.services.versions import live_comparison_verdict, versions
from models.reliability import Answer, Reliability
from models.store.store import CheckpointStore
from tests import factories
from tests.studio import add_version, close, parts, rows

THREADS = {"alias-news", "run-rescue", "hot-swap", "second-version", "learning"}


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        tick.wait(0.02)


def thread_names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_nothing_is_loaded_and_no_thread_runs_until_the_process_serves(app: Flask, version_1: int) -> None:
    assert parts(app).serving.current() is None
    assert not thread_names() & THREADS
    for _ in range(2):
        ensure_serving_started(app)
    assert parts(app).serving.state.version == 1
    started = [thread.name for thread in threading.enumerate()]
    assert [started.count(name) for name in THREADS] == [1] * len(THREADS)


def test_stopping_ends_every_thread(app: Flask) -> None:
    ensure_serving_started(app)
    close(app)
    assert not thread_names() & THREADS
    ensure_serving_started(app)
    assert not thread_names() & THREADS


def test_a_move_of_the_alias_swaps_the_version_in_memory(
    app: Flask, session: Session, published: CheckpointStore, version_1: int
) -> None:
    ensure_serving_started(app)
    add_version(app, session, published, 2)
    versions.promote(session, 2, factories.user(session).id)
    parts(app).queue.tell_alias_moved(2)
    wait_until(lambda: parts(app).serving.state.version == 2)


def test_the_click_that_suffices_decides_a_comparison_and_the_winner_serves(
    app: Flask, session: Session, published: CheckpointStore, version_1: int
) -> None:
    add_version(app, session, published, 2)
    factories.serving(session, 2)
    comparison = factories.comparison(session)
    ensure_serving_started(app)
    wait_until(lambda: parts(app).beside(session, parts(app).generator()) is not None)
    wait_until(lambda: [state.second for state in parts(app).queue.reports().values()] == [1])
    people = [factories.user(session).id for _ in range(2)]
    for click in range(12):
        factories.preferred(session, people[click % 2], comparison, 1, new_cards=2)
    parts(app).background.judged()
    wait_until(lambda: parts(app).serving.state.version == 1 and parts(app).companion.current() is None)
    session.rollback()
    assert (versions.serving_number(session), rows(session, LiveComparison)[0].outcome) == (1, "old")


def test_the_admin_can_see_what_each_process_serves(app: Flask, version_1: int) -> None:
    ensure_serving_started(app)
    (state,) = parts(app).queue.reports().values()
    assert (state.version, state.wanted, state.error) == (1, 1, None)


def test_a_process_serves_also_while_the_queue_is_away(app: Flask, version_1: int) -> None:
    cut_off = create_app(replace(parts(app).settings, redis_url="unix:///nowhere/valkey.sock"))
    try:
        ensure_serving_started(cut_off)
        assert parts(cut_off).generator().version == 1
    finally:
        close(cut_off)


def test_orphaned_runs_are_looked_for_again_and_again(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "RESCUE_SECONDS", 0.01)
    monkeypatch.setattr(rescue, "FRESH_SECONDS", 0.01)
    run = factories.run(session)
    ensure_serving_started(app)
    wait_until(lambda: rows(session, TrainingRun)[0].job_id == "train-1-1")
    runs.claim(session, run.id)
    run.heartbeat_at = None
    session.commit()
    wait_until(lambda: rows(session, TrainingRun)[0].job_id == "train-1-2")
    assert run.status == RunStatus.QUEUED


def test_files_on_their_way_in_that_are_a_day_old_are_removed_though_no_other_comes(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "RESCUE_SECONDS", 0.01)
    uploads = uploads_of(session, parts(app).settings)
    path = uploads.path(uploads.begin("old.csv", b"x"))
    os.utime(path, (0, 0))
    ensure_serving_started(app)
    wait_until(lambda: not path.exists())


def test_how_reliable_people_are_is_computed_before_anybody_asks_and_again_after_a_while(
    app: Flask, session: Session, version_1: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []

    def compute(answers: Sequence[Answer], _: object) -> dict[str, Reliability]:
        computed.append(len(answers))
        return {}

    monkeypatch.setattr(background, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(background, "LEARN_SECONDS", 0.01)
    monkeypatch.setattr(reliability, "of_answers", compute)
    ensure_serving_started(app)
    wait_until(lambda: len(computed) == 1)
    with write_transaction(session):
        marks.change(session, marks.DELETIONS)
    wait_until(lambda: len(computed) == 2)


def test_a_thread_outlives_what_nobody_foresaw(
    app: Flask, version_1: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = {"verdict": 0, "rescue": 0}
    with parts(app).sessions() as session:
        factories.comparison(session, new_number=1, old_number=1, serving_number=1)

    def failing(name: str) -> Callable[..., None]:
        def look(*_: object) -> None:
            looks[name] += 1
            raise ValueError(f"the {name} is broken")

        return look

    monkeypatch.setattr(background, "RESCUE_SECONDS", 0.01)
    monkeypatch.setattr(live_comparison_verdict, "look", failing("verdict"))
    monkeypatch.setattr(rescue.Rescue, "look", failing("rescue"))
    ensure_serving_started(app)
    wait_until(lambda: looks["verdict"] == 1)
    parts(app).background.judged()
    wait_until(lambda: looks["verdict"] == 2 and looks["rescue"] > 1)
    close(app)
    assert "the verdict is broken" in caplog.text
    assert "the rescue is broken" in caplog.text
