"""Initial training as the queue's job: pairs go in, a version comes out, and a dead worker loses little."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import RunMetric, RunStatus, TrainingRun, write_transaction
from app.services.training import initial_training as service
from app.services.training import runs
from app.services.training.course import phases
from app.services.training.course.phases import Phase
from app.services.versions import versions
from models.formats.files.pair_columns import Columns
from models.serving.shortlist import read_shortlist
from models.store.locks import try_lock
from models.store.store import MODEL_FOLDER, SERVING_FOLDER, CheckpointStore
from models.store.uploads import UploadStore
from tests import factories
from tests.scorer_cache import share_cache
from tests.studio import Person, parts, rows
from tests.trouble.silence import hand_out_silent
from worker.job import jobs
from worker.publish import shortlist, staging
from worker.training.shared import run_folder

PAIRS = "source\ttarget\n" + "".join(f"you fool {n}\tyou {n}\n" for n in range(12)) + "nothing\t\n"
QUICK = {"num_train_epochs": 2, "per_device_train_batch_size": 4, "dev_split": 4}


@pytest.fixture
def environment(app: Flask, queue_url: str, few_texts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's settings come from its environment; they are the studio's."""
    monkeypatch.setenv("MELLOW_HOME", str(parts(app).settings.home))
    monkeypatch.setenv("DATABASE_URL", parts(app).settings.database_url)
    share_cache(parts(app).settings.home)
    monkeypatch.setenv("REDIS_URL", queue_url)
    for name in ("MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(app: Flask) -> CheckpointStore:
    return parts(app).store


@pytest.fixture
def tiny(store: CheckpointStore, version_1: int, tmp_path: Path) -> str:
    """A model that is no version: a folder."""
    return str(shutil.copytree(store.folder(1) / MODEL_FOLDER, tmp_path / "tiny"))


def ask(session: Session, store: CheckpointStore, text: str = PAIRS, **config: Any) -> int:
    uploads = UploadStore(store.root)
    found = service.add_dataset(session, uploads, text.encode(), "text/tab-separated-values", Columns())
    run, is_new = service.request(session, uploads, None, {"dataset": found["sha256"], **QUICK, **config})
    assert is_new
    return run.id


def only(session: Session) -> TrainingRun:
    (run,) = rows(session, TrainingRun)
    return run


def left_in_staging(store: CheckpointStore) -> list[str]:
    staging = store.root / ".staging"
    return [path.name for path in staging.iterdir()] if staging.exists() else []


def serving(session: Session) -> int | None:
    session.rollback()
    return versions.serving_number(session)


def test_uploaded_pairs_become_a_version_that_serves(
    environment: None, few_texts: int, session: Session, store: CheckpointStore, tiny: str
) -> None:
    run_id = ask(session, store, model_name_or_path=tiny)
    jobs.train(run_id)

    run = only(session)
    assert (run.status, run.error, run.note, run.produced_version) == ("succeeded", None, None, 2)
    assert (run.method, run.parent_version, run.pairs) == ("sft", None, 12)
    assert list(phases.seconds(run)) == list(Phase), "each phase has its time"
    assert "1 of 13 rows was left out: line 14 (the target is empty)." in run.log
    manifest = store.verify(2)
    assert (manifest.method, manifest.parent, manifest.run_id) == ("sft", None, run_id)
    assert manifest.config["dataset"] == run.config["dataset"]
    assert run.data_hash == manifest.data_sha256
    assert "heldout_relative_change" not in manifest.metrics, "a model from outside has no parent to be worse than"
    assert [manifest.metrics[name] for name in ("rows", "rows_left_out", "repeated_pairs")] == [13, 1, 0]
    assert {"heldout_quality", "dev_loss", "parent_dev_loss"} <= set(manifest.metrics)
    evaluation = manifest.metrics["evaluation"]
    assert evaluation["test_set"]["texts"] == few_texts
    assert "version" in evaluation["systems"]
    assert not {"parent", "comparisons"} & {*evaluation["systems"], *evaluation}, "there is no parent to compare with"
    assert "evaluation.json" in manifest.files
    assert serving(session) == 2
    assert left_in_staging(store) == []
    names = {metric.name for metric in rows(session, RunMetric)}
    assert {"loss", "dev_loss", "dev_chrf"} <= names


def test_a_large_vocabulary_is_narrowed_to_the_data_and_later_clicks_add_to_it(
    environment: None,
    session: Session,
    store: CheckpointStore,
    tiny: str,
    annotator: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shortlist, "LARGE_VOCABULARY", 0)
    pairs = "source\ttarget\nyou stupid idiot\tyou\nstupid idiot\tyou\n"
    jobs.train(ask(session, store, pairs, model_name_or_path=tiny, dev_split=0))
    assert "It writes with the tokens of the text and 307 of all 364, which its data needs." in only(session).log

    prompt = factories.prompt(session, "you moron")
    rewrites = ["you are wrong", "you idiot moron"]
    factories.judgment(session, factories.generation(session, annotator.id, rewrites, prompt=prompt))
    monkeypatch.setattr(shortlist, "MAX_MISSED_BY_PARENT", 0.5)
    run, _ = runs.request(session, None, "dpo", {"num_train_epochs": 1})
    jobs.train(run.id)

    lists = [read_shortlist(store.folder(number) / SERVING_FOLDER) for number in (1, 2, 3)]
    words = [{token for token in tokens if len(token) > 2 and not token.startswith("<")} for tokens in lists]
    assert words == [set(), {"▁you", "▁stupid", "▁idiot"}, {"▁you", "▁stupid", "▁idiot", "▁are", "▁wrong", "▁moron"}]
    assert serving(session) == 3


def test_a_run_that_is_not_to_serve_leaves_the_alias_and_says_so(
    environment: None, session: Session, store: CheckpointStore, tiny: str
) -> None:
    jobs.train(ask(session, store, model_name_or_path=tiny, serve=False))
    run = only(session)
    assert (run.status, run.produced_version) == ("succeeded", 2)
    assert run.note == "The version was published and is not live, as was asked."
    assert serving(session) == 1


@pytest.mark.slow
def test_a_published_version_is_trained_further_and_held_against(
    environment: None, session: Session, store: CheckpointStore, version_1: int
) -> None:
    jobs.train(ask(session, store, version=1))
    manifest = store.manifest(2)
    assert manifest.parent == 1
    assert manifest.metrics["heldout_relative_change"] > -0.02
    (compared,) = manifest.metrics["evaluation"]["comparisons"]
    assert (compared["of"], compared["with"]) == ("version", "parent")
    assert serving(session) == 2


@pytest.mark.slow
def test_a_version_that_forgot_what_its_parent_could_is_published_and_does_not_serve(
    environment: None, session: Session, store: CheckpointStore, version_1: int
) -> None:
    text = "source\ttarget\n" + "".join(f"you {n}\tzzzz\n" for n in range(12))
    jobs.train(ask(session, store, text, version=1, learning_rate=0.1, num_train_epochs=10))
    run = only(session)
    assert (run.status, run.produced_version) == ("succeeded", 2)
    assert run.note is not None
    assert run.note.startswith("The version was published but is not live. Held-out quality fell by ")
    assert serving(session) == 1


def test_a_run_whose_worker_died_goes_on_from_its_checkpoint(
    environment: None, session: Session, store: CheckpointStore, tiny: str
) -> None:
    run_id = ask(session, store, model_name_or_path=tiny)
    (store.run_folder("999")).mkdir(parents=True)  # of a run that ended without a worker

    def die(*_: object) -> float:
        raise SystemExit("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "prepare", die)
        with pytest.raises(SystemExit):
            jobs.train(run_id)
    assert left_in_staging(store) == [f"run-{run_id}-{only(session).key}"]
    measured = len(rows(session, RunMetric))

    assert hand_out_silent(session) == [run_id]
    jobs.train(run_id)
    run = only(session)
    assert (run.status, run.attempts, run.produced_version) == ("succeeded", 2, 2)
    assert "Training goes on from step " in run.log
    assert len(rows(session, RunMetric)) == measured, "the charts begin where they began"
    assert left_in_staging(store) == []


def test_a_worker_that_lost_its_run_leaves_the_checkpoints_to_the_other(
    environment: None, session: Session, store: CheckpointStore, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ask(session, store, model_name_or_path=tiny)
    prepare = staging.prepare

    def meanwhile(*arguments: Any) -> float:
        with write_transaction(session):
            only(session).attempts = 2
        return prepare(*arguments)

    monkeypatch.setattr(staging, "prepare", meanwhile)
    jobs.train(run_id)
    assert (only(session).status, store.numbers()) == ("running", [1])
    assert left_in_staging(store) == [f"run-{run_id}-{only(session).key}"]


def test_a_cancelled_run_leaves_nothing(
    environment: None, session: Session, store: CheckpointStore, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ask(session, store, model_name_or_path=tiny)
    prepare = staging.prepare

    def meanwhile(*arguments: Any) -> float:
        runs.cancel(session, run_id, None)
        return prepare(*arguments)

    monkeypatch.setattr(staging, "prepare", meanwhile)
    jobs.train(run_id)
    assert only(session).status == RunStatus.CANCELLED
    assert (left_in_staging(store), store.numbers()) == ([], [1])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("data", "is damaged: upload it again."),
        ("gone", "There is no uploaded data"),
        ("model", "There is no model at /nowhere."),
    ],
)
def test_what_cannot_be_read_ends_the_run_with_the_reason(
    environment: None, session: Session, store: CheckpointStore, tiny: str, damage: str, sentence: str
) -> None:
    run_id = ask(session, store, model_name_or_path=tiny if damage != "model" else "/nowhere")
    upload = UploadStore(store.root).path(only(session).config["dataset"])
    if damage == "data":
        upload.write_text("source\ttarget\n")
    if damage == "gone":
        upload.unlink()
    jobs.train(run_id)
    run = only(session)
    assert run.status == "failed"
    assert run.error is not None
    assert sentence in run.error
    assert (left_in_staging(store), store.numbers(), serving(session)) == ([], [1], 1)


def test_a_number_that_another_process_takes_meanwhile_costs_no_training(
    environment: None, session: Session, store: CheckpointStore, tiny: str, rival: None
) -> None:
    jobs.train(ask(session, store, model_name_or_path=tiny))
    run = only(session)
    assert (run.status, run.error, run.produced_version) == ("succeeded", None, 3)
    assert store.verify(3).number == 3
    assert serving(session) == 3


def test_a_folder_in_which_another_attempt_trains_is_waited_for_and_never_removed(
    environment: None, session: Session, store: CheckpointStore, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "LOCK_WAIT_SECONDS", 0.0)
    run_id = ask(session, store, model_name_or_path=tiny)
    folder = store.run_folder(f"{run_id}-{only(session).key}")
    (folder / "checkpoint-5").mkdir(parents=True)
    (folder / "training.json").write_text("{}")
    lock = try_lock(folder)
    assert lock is not None
    with lock:
        jobs.train(run_id)
        run = only(session)
        assert (run.status, run.error) == ("failed", f"Another process is training in {folder}.")
        assert (folder / "checkpoint-5").is_dir()


@pytest.mark.slow
def test_initial_training_runs_in_several_processes(
    environment: None, session: Session, store: CheckpointStore, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_PROCESSES", "2")
    jobs.train(ask(session, store, model_name_or_path=tiny))
    run = only(session)
    assert (run.status, run.error, run.produced_version) == ("succeeded", None, 2)
    assert "It trains in 2 processes, which share the rows of each step." in run.log
    assert {"heldout_quality", "dev_loss", "parent_dev_loss"} <= set(store.verify(2).metrics)
