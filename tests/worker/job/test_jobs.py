"""The lower half of the loop on a tiny T5: a run's id goes in, a version that serves comes out, or a sentence."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq.utils import import_attribute
from safetensors import SafetensorError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import AuditEvent, Prompt, RewardHead, RunMetric, RunStatus, TrainingRun, Version, now, write_transaction
from app.runtime.queue import TRAIN_JOB
from app.services.desk import judgments
from app.services.prompts import deletion
from app.services.training import runs
from app.services.training.selection import Selection
from app.services.versions import learned, versions
from app.services.versions.learned import Lost
from models.settings.clicks import click_config, click_options
from models.store.locks import try_lock
from models.store.manifest import Manifest
from models.store.store import ADAPTER_FOLDER, MODEL_FOLDER, SERVING_FOLDER, CheckpointStore
from models.store.trained_on import TrainedOn
from models.texts.heldout import heldout_pairs
from tests import factories
from tests.scorer_cache import share_cache
from tests.studio import Person, parts, rows
from worker.evaluation.automatic import NO_CLICKS
from worker.job import dataset, jobs
from worker.job.retraining import prepare
from worker.publish import release, staging
from worker.publish.gate import MAX_HELDOUT_DROP
from worker.training.clicks import click_dpo
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.training_errors import DatasetError

QUICK = {"learning_rate": 1e-3, "num_train_epochs": 2, "per_device_train_batch_size": 4}
PAIRS = [
    ("you are so stupid", ["you are wrong", "you are a moron", "you are dumb"]),
    ("stop", ["please stop it now", "stop stop"]),
]


@pytest.fixture
def environment(app: Flask, queue_url: str, few_texts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's settings come from its environment; they are the studio's."""
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    monkeypatch.setenv("REDIS_URL", queue_url)
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clicks(environment: None, session: Session, version_1: int, annotator: Person) -> None:
    """Two screens judged, three pairs in all, and one judgment that was undone."""
    for text, candidates in PAIRS:
        prompt = factories.prompt(session, text)
        factories.judgment(session, factories.generation(session, annotator.id, candidates, prompt=prompt))
    undone = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"]))
    judgments.undo(session, annotator.id, undone.id)


@pytest.fixture
def store(app: Flask) -> CheckpointStore:
    return parts(app).store


def ask(session: Session, **config: object) -> int:
    run, _ = runs.request(session, None, "dpo", QUICK | config)
    return run.id


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    return run


def serving(session: Session) -> int | None:
    session.rollback()
    return versions.serving_number(session)


def nothing_was_left(store: CheckpointStore) -> bool:
    """Whether there is neither a new version nor anything in the staging folder."""
    staging = store.root / ".staging"
    return store.numbers() == [1] and (not staging.exists() or list(staging.iterdir()) == [])


def test_the_name_in_the_queue_is_that_of_the_job() -> None:
    assert import_attribute(TRAIN_JOB) is jobs.train


def test_clicks_become_a_version_that_serves(
    clicks: None, few_texts: int, session: Session, store: CheckpointStore, queue_url: str
) -> None:
    run_id = ask(session)
    with Redis.from_url(queue_url) as connection, connection.pubsub(ignore_subscribe_messages=True) as news:
        news.subscribe("mellow:alias")
        while news.get_message(timeout=5) is not None:
            pass  # the subscription is confirmed
        jobs.train(run_id)
        message = news.get_message(timeout=5)
    assert message is not None
    assert message["data"] == b"2", "the web processes are told at once"

    run = only(session)
    assert (run.status, run.error, run.note, run.produced_version) == ("succeeded", None, None, 2)
    assert (run.attempts, run.step, run.total_steps, run.pairs) == (1, 2, 2, 3)
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.finished_at > run.started_at
    assert serving(session) == 2
    assert [event.details for event in rows(session, AuditEvent) if event.action == "alias.moved"] == [
        {"before": 1, "after": 2}
    ]

    manifest = store.verify(2)
    assert (manifest.number, manifest.parent, manifest.run_id, manifest.method) == (2, 1, run_id, "dpo")
    assert manifest.config == click_config(click_options("dpo", QUICK))
    pairs = [
        ("you are so stupid", "you are wrong", "you are a moron"),
        ("you are so stupid", "you are wrong", "you are dumb"),
    ]
    examples = [PreferenceExample(*pair) for pair in [*pairs, ("stop", "please stop it now", "stop stop")]]
    assert manifest.data_sha256 == run.data_hash == dataset.data_sha256(examples)
    assert manifest.metrics["examples"] == 3
    assert manifest.metrics["parity"] < 1e-3
    assert manifest.metrics["heldout_relative_change"] > -0.02
    assert manifest.metrics["preference_accuracy"] >= manifest.metrics["parent_preference_accuracy"]
    evaluation = manifest.metrics["evaluation"]
    assert evaluation["test_set"]["texts"] == few_texts
    assert {"version", "parent", "people"} <= set(evaluation["systems"])
    assert set(evaluation["comparisons"][0]["figures"]) == set(evaluation["systems"]["version"])
    assert evaluation["clicks"] == {"note": NO_CLICKS}
    assert "evaluation.json" in manifest.files, "so that the next version is compared text by text"
    assert "rewrites.json" in manifest.files, "so that people can read them beside another version's"
    for folder in (MODEL_FOLDER, ADAPTER_FOLDER, SERVING_FOLDER):
        assert any(name.startswith(f"{folder}/") for name in manifest.files)
    version = rows(session, Version)[1]
    assert (version.number, version.run_id, version.sha256) == (2, run_id, manifest.sha256)
    assert version.metrics == manifest.metrics
    assert Path(version.location) == store.folder(2)

    metrics = rows(session, RunMetric)
    assert {metric.step for metric in metrics} == {1, 2}
    assert {"loss", "rewards/margins", "rewards/accuracies"} <= {metric.name for metric in metrics}
    lines = [line.split("  ", 1)[1] for line in run.log.splitlines()]
    assert "3 pairs; version 1 is the starting point and the reference model." in lines
    said = [line for line in lines if line in ("Loading.", "Training.", "Converting.", "Evaluating.", "Publishing.")]
    assert list(dict.fromkeys(said)) == ["Loading.", "Training.", "Converting.", "Evaluating.", "Publishing."]


def test_clicks_on_held_out_prompts_are_tested_with_and_not_trained_on(
    clicks: None, session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "held_out_keys", lambda prompts, one_in: frozenset(prompts) & {"stop"})

    jobs.train(ask(session))

    metrics = store.manifest(2).metrics
    assert metrics["examples"] == 2
    held_out = metrics["evaluation"]["clicks"]
    assert (held_out["pairs"], held_out["prompts"]) == (1, 1)
    assert {"preference_accuracy", "reward_margin"} == set(held_out["version"])
    record = TrainedOn.read(store.folder(2))
    assert record is not None
    assert record.knows(["You are so stupid!", "stop"]) == [True, False]
    assert "Pairs held out of training: 1. The version is tested with 1 of them." in only(session).log


def test_the_new_version_answers_in_the_web_process(clicks: None, app: Flask, session: Session) -> None:
    assert parts(app).generator().version == 1
    jobs.train(ask(session))
    parts(app).serving.refresh()
    assert parts(app).serving.state.error is None
    assert parts(app).generator().version == 2


def test_the_same_job_delivered_twice_is_carried_out_once(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    run_id = ask(session)
    jobs.train(run_id)
    before = {name: value for name, value in vars(only(session)).items() if not name.startswith("_")}
    count = len(rows(session, RunMetric))
    jobs.train(run_id)
    after = {name: value for name, value in vars(only(session)).items() if not name.startswith("_")}
    assert after == before
    assert len(rows(session, RunMetric)) == count
    assert store.numbers() == [1, 2]


def test_a_run_that_does_not_wait_or_does_not_exist_is_left_alone(
    environment: None, session: Session, version_1: int
) -> None:
    run = factories.run(session, RunStatus.CANCELLED)
    jobs.train(run.id)
    jobs.train(99)
    assert only(session).status == "cancelled"
    assert only(session).attempts == 0


def publish_unrecorded(session: Session, store: CheckpointStore, weights: Path, **changes: Any) -> Manifest:
    """Version 2 in the store as an attempt at the only run leaves it that died before the database knew of it."""
    run = only(session)
    retraining = prepare(session, run.method, run.config, run.last_judgment_id, store.folder(1) / MODEL_FOLDER)
    made_of: dict[str, Any] = {
        "parent": 1,
        "run_id": run.id,
        "run_key": run.key,
        "method": "dpo",
        "config": retraining.config,
        "data_sha256": retraining.data_sha256,
        "metrics": {"heldout_relative_change": 0.01, "preference_accuracy": 1.0, "parent_preference_accuracy": 0.5},
    }
    with store.stage() as staged:
        shutil.copytree(weights, staged, dirs_exist_ok=True)
        manifest: Manifest = release.seal(store, staged, number=2, **made_of | changes)
        store.publish(staged, 2)
    return manifest


def test_a_version_that_an_earlier_attempt_published_is_taken_as_it_is(
    clicks: None, session: Session, store: CheckpointStore, published: CheckpointStore
) -> None:
    run_id = ask(session)
    manifest = publish_unrecorded(session, store, published.folder(2))
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.produced_version, run.data_hash) == ("succeeded", 2, manifest.data_sha256)
    assert store.numbers() == [1, 2]
    assert rows(session, Version)[1].sha256 == manifest.sha256
    assert serving(session) == 2
    assert rows(session, RunMetric) == [], "nothing was trained"


def test_a_version_that_is_published_already_is_recorded_but_not_live_if_its_run_was_to_be_cancelled(
    clicks: None, session: Session, store: CheckpointStore, published: CheckpointStore
) -> None:
    run_id = ask(session)
    publish_unrecorded(session, store, published.folder(2))
    only(session).cancel_requested_at = now()
    session.commit()
    jobs.train(run_id)
    assert (only(session).status, only(session).produced_version, serving(session)) == ("succeeded", 2, 1)


def test_a_version_of_a_run_of_the_same_id_in_another_database_is_not_taken_for_the_runs_own(
    clicks: None, session: Session, store: CheckpointStore, published: CheckpointStore
) -> None:
    run_id = ask(session)
    publish_unrecorded(session, store, published.folder(2), run_key="0" * 32)
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.produced_version) == ("succeeded", 3)
    assert "of other data or settings" not in run.log
    made = store.verify(3)
    assert (made.run_key, made.parent, made.method, made.data_sha256) == (run.key, 1, "dpo", run.data_hash)


@pytest.mark.parametrize(
    "change", [{"data_sha256": "d" * 64}, {"config": {"beta": 7.0}}, {"parent": None}, {"method": "kto"}]
)
def test_a_version_of_other_clicks_or_settings_is_not_taken_for_the_runs_own_which_trains(
    clicks: None,
    session: Session,
    store: CheckpointStore,
    published: CheckpointStore,
    change: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def begun(*_: object) -> None:
        raise DatasetError("It trains.")

    monkeypatch.setattr(click_dpo, "train_dpo", begun)
    run_id = ask(session)
    publish_unrecorded(session, store, published.folder(2), **change)
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.error, run.produced_version) == ("failed", "It trains.", None)
    assert "of other data or settings" in run.log


def test_a_version_that_the_gate_refuses_is_published_but_does_not_serve(
    environment: None, session: Session, version_1: int, annotator: Person, store: CheckpointStore
) -> None:
    # The very rewrites that the held-out gauge looks for, all rejected.
    for source, rewrite in heldout_pairs()[:4]:
        screen = factories.generation(
            session, annotator.id, ["stop stop stop", rewrite], prompt=factories.prompt(session, source)
        )
        factories.judgment(session, screen)
    jobs.train(ask(session, learning_rate=2e-2, num_train_epochs=20, anchor_weight=0))
    run = only(session)
    assert (run.status, run.produced_version) == ("succeeded", 2)
    assert run.note is not None
    assert run.note.startswith("The version was published but is not live. Held-out quality fell by ")
    assert store.verify(2).metrics["heldout_relative_change"] < -MAX_HELDOUT_DROP
    assert [version.number for version in rows(session, Version)] == [1, 2]
    assert serving(session) == 1


def test_a_run_that_is_cancelled_half_way_leaves_no_trace_but_its_chart(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    run_id = ask(session, num_train_epochs=1000, logging_steps=1)
    worker = threading.Thread(target=jobs.train, args=(run_id,))
    worker.start()
    deadline = time.monotonic() + 60
    while only(session).step == 0:
        assert time.monotonic() < deadline
        assert worker.is_alive(), only(session).error
        worker.join(0.05)
    runs.cancel(session, run_id, None)
    worker.join(60)
    assert not worker.is_alive()
    run = only(session)
    assert (run.status, run.stage, run.error, run.produced_version) == ("cancelled", "cancelled", None, None)
    assert 0 < run.step < 1000
    assert rows(session, RunMetric) != []
    assert nothing_was_left(store)
    assert serving(session) == 1


def test_a_run_that_was_cancelled_before_its_worker_came_is_not_begun(clicks: None, session: Session) -> None:
    run_id = ask(session)
    runs.cancel(session, run_id, None)
    jobs.train(run_id)
    assert (only(session).status, only(session).attempts) == ("cancelled", 0)


def test_a_run_whose_parent_is_missing_fails_with_that_sentence(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    run_id = ask(session)
    folder = store.folder(1)
    folder.rename(folder.with_name("away"))
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.error) == ("failed", f"Version 1 is not in the checkpoint store {store.root}.")
    assert serving(session) == 1


def test_a_run_whose_pairs_teach_nothing_fails_with_the_reason_and_the_old_version_serves_on(
    environment: None, app: Flask, session: Session, version_1: int, annotator: Person, store: CheckpointStore
) -> None:
    factories.judgment(session, factories.generation(session, annotator.id, ["the same", "the same"]))
    assert parts(app).generator().version == 1
    jobs.train(ask(session))
    run = only(session)
    assert run.status == "failed"
    assert run.error == (
        "No pair can be trained on: of 1, 1 have chosen and rejected texts that are the same to the model."
    )
    assert nothing_was_left(store)
    assert serving(session) == 1
    parts(app).serving.refresh()
    assert parts(app).generator().version == 1
    assert runs.queue(session) == [], "the next run may be asked for"


def test_a_run_that_meets_an_unwritable_store_fails_with_the_reason(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    run_id = ask(session)
    (store.root / ".staging").write_text("in the way")
    jobs.train(run_id)
    run = only(session)
    assert run.status == "failed"
    assert run.error == f"The checkpoint store {store.root} cannot be written to: File exists."


def test_a_run_trains_on_the_selected_clicks_alone_and_lets_the_next_begin(
    clicks: None, session: Session, store: CheckpointStore, annotator: Person
) -> None:
    other = factories.user(session)
    hurried = factories.generation(session, other.id, ["leave", "leave now"], prompt=factories.prompt(session, "leave"))
    factories.judgment(session, hurried, seconds=0.3)
    screen = factories.generation(session, other.id, ["go away please", "go"], prompt=factories.prompt(session, "go"))
    factories.judgment(session, screen)
    selection = Selection(people=(other.id,))
    asked, _ = runs.request(session, None, "dpo", QUICK | {"num_train_epochs": 1}, selection)
    runs.request(session, None, "dpo", QUICK)
    assert asked.pairs == 1
    jobs.train(asked.id)
    first, second = rows(session, TrainingRun)
    assert (first.status, first.error, first.parent_version) == ("succeeded", None, 1)
    assert store.verify(2).data_sha256 == dataset.data_sha256([PreferenceExample("go", "go away please", "go")])
    assert "Chosen among all clicks: those of one person." in first.log
    assert "Left out, since they came too quickly to have been read: 1 click." in first.log
    assert (second.status, second.job_id) == ("queued", f"train-{second.id}-1")


def test_a_failure_that_nobody_foresaw_is_told_with_its_kind(
    clicks: None, session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> float:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(staging, "prepare", fail)
    jobs.train(ask(session, num_train_epochs=1))
    assert only(session).error == "The worker failed unexpectedly (ZeroDivisionError): by zero"
    assert nothing_was_left(store)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("No space left on device (os error 28)")],
)
def test_a_run_whose_disk_is_full_says_so_and_leaves_nothing(
    clicks: None, session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> float:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(staging, "prepare", fail)
        jobs.train(ask(session, num_train_epochs=1))
    run = only(session)
    assert (run.status, run.error) == (
        "failed",
        "The disk is full, so the run could not write what it made. Make room, then ask for it again.",
    )
    assert nothing_was_left(store)


def test_a_worker_that_lost_its_run_to_another_publishes_nothing(
    clicks: None, session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ask(session, num_train_epochs=1)
    prepare = staging.prepare

    def meanwhile(*arguments: Any) -> float:
        with write_transaction(session):
            only(session).attempts = 2  # given up for dead, and taken up by another worker
        return prepare(*arguments)

    monkeypatch.setattr(staging, "prepare", meanwhile)
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.attempts, run.error) == ("running", 2, None)
    assert store.numbers() == [1]
    left = [path.name for path in (store.root / ".staging").iterdir()]
    assert left == [f"run-{run_id}-{only(session).key}"], "the other attempt goes on from these checkpoints"


def test_the_hash_of_the_data_tells_any_difference() -> None:
    one = PreferenceExample("p", "c", "r")
    assert dataset.data_sha256([one]) == dataset.data_sha256([PreferenceExample("p", "c", "r")])
    others = [[], [one, one], [PreferenceExample("p", "r", "c")], [PreferenceExample("pc", "", "r")]]
    assert len({dataset.data_sha256(examples) for examples in [[one], *others]}) == 5


def test_a_number_that_another_process_takes_meanwhile_costs_no_training(
    clicks: None, session: Session, store: CheckpointStore, rival: None
) -> None:
    jobs.train(ask(session))
    run = only(session)
    assert (run.status, run.error, run.produced_version) == ("succeeded", None, 3)
    assert store.verify(3).number == 3


def test_every_run_removes_what_other_runs_left_to_go_on_from(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    for name in ("998", "999"):
        (store.run_folder(name) / "checkpoint-5").mkdir(parents=True)
    lock = try_lock(store.run_folder("999"))
    assert lock is not None
    with lock:  # its process is still at work
        jobs.train(ask(session, learning_rate=0.0))
    assert not store.run_folder("998").exists()
    assert (store.run_folder("999") / "checkpoint-5").is_dir()


def delete(session: Session, text: str) -> None:
    """Delete a prompt with its judgments."""
    prompt = session.scalars(select(Prompt).where(Prompt.text == text)).one()
    deletion.delete_prompt(session, None, prompt.id, prompt.id)


def test_a_run_does_not_train_on_what_was_deleted_while_it_waited(
    clicks: None, session: Session, store: CheckpointStore
) -> None:
    run_id = ask(session, num_train_epochs=1)
    delete(session, "you are so stupid")
    jobs.train(run_id)
    assert only(session).status == "succeeded"
    assert store.manifest(2).data_sha256 == dataset.data_sha256(
        [PreferenceExample("stop", "please stop it now", "stop stop")]
    )
    assert learned.lost(session, 2).number == 0


def test_a_run_whose_judgments_were_all_deleted_while_it_waited_says_so(clicks: None, session: Session) -> None:
    run_id = ask(session)
    for text, _ in PAIRS:
        delete(session, text)
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.error) == (
        "failed",
        "There is nothing to train on: no click of this run that still stands prefers one text to another.",
    )


def test_a_version_knows_what_it_was_trained_on_that_was_deleted_meanwhile_or_later(
    clicks: None, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_served = staging.prepare

    def meanwhile(*arguments: Any) -> float:
        delete(session, "stop")
        return prepare_served(*arguments)

    monkeypatch.setattr(staging, "prepare", meanwhile)
    jobs.train(ask(session, num_train_epochs=1))
    assert only(session).status == "succeeded", "what has begun goes on"
    assert learned.lost(session, 2) == Lost(own=1)
    delete(session, "you are so stupid")
    assert learned.lost(session, 2) == Lost(own=2)
    carried = rows(session, RewardHead)[-1]
    assert (carried.carried, carried.deleted) == (True, 0), "so that a head is fitted without what is gone"


@pytest.mark.slow
def test_clicks_are_trained_on_in_several_processes(
    clicks: None, session: Session, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_PROCESSES", "2")
    jobs.train(ask(session))
    run = only(session)
    assert (run.status, run.error, run.produced_version, run.step) == ("succeeded", None, 2, run.total_steps)
    assert "It trains in 2 processes, which share the rows of each step." in run.log
    assert {metric.step for metric in rows(session, RunMetric)} == set(range(1, run.total_steps + 1))
    assert store.verify(2).config == click_config(click_options("dpo", QUICK))
