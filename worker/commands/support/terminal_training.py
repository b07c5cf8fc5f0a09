"""Initial training from the terminal: no run in the database, no queue, the same training and the same version."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.config import ConfigError, Settings
from app.db import make_sessions, write_transaction
from app.runtime.queue import JobQueue
from app.services.versions import versions
from models.store.locks import remove_unless_locked, try_lock
from models.store.manifest import Manifest
from models.store.store import MODEL_FOLDER, CheckpointStore
from worker.job import initial_training
from worker.job.initial_training import InitialTraining
from worker.publish.base_version import BASE_NUMBER

if TYPE_CHECKING:
    from worker.training.shared.progress import Progress


def train_and_publish(
    training: InitialTraining, settings: Settings, run_dir: Path, output_dir: Path | None, progress: Progress
) -> str:
    """Train, publish the next version and, if the training says so, let it serve; returns the sentence to print.

    The checkpoints in `run_dir` are removed at the end; `output_dir`, if given, keeps the model.
    """
    from worker.publish import release

    sessions = make_sessions(settings.database_url)
    check_database(sessions)
    if output_dir is not None:
        _check_free(output_dir)
    store = CheckpointStore(settings.store)
    with store.stage() as staged:
        metrics, digest = initial_training.train(training, settings, run_dir, staged, progress)
        progress.stage("publishing")
        seal_as = partial(initial_training.seal, training, store, staged, None, metrics, digest)
        at_least = partial(_at_least, sessions, training.serve)
        manifest = release.publish_next(store, staged, at_least, seal_as, partial(_record, sessions))
    note = initial_training.note(manifest)
    if note is None:
        _tell(settings, manifest.number)
    if output_dir is not None:
        try:
            _keep(store.place(manifest.number) / MODEL_FOLDER, output_dir)
        except OSError as error:
            raise OSError(
                f"{_outcome(manifest, note)} Its model could not be copied to {output_dir}: {error}."
            ) from None
    _clear(run_dir, output_dir)
    return _outcome(manifest, note)


def train_only(training: InitialTraining, output_dir: Path, progress: Progress) -> str:
    """Train and leave the model in `output_dir/model`; returns the sentence to print."""
    from worker.training.sft.sft import train_sft

    _check_free(output_dir)
    whole = output_dir.resolve()  # `.` has no name
    aside = whole.parent / f".{whole.name}.{os.getpid()}"
    try:
        result = train_sft(
            training.base,
            training.file,
            training.validation,
            training.recipe,
            output_dir,
            aside,
            progress,
            training.report_to,
            training.resume_from,
        )
        _keep(aside, output_dir)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _clear(output_dir, output_dir)
    return f"The model of step {result.best_step} is in {output_dir / MODEL_FOLDER}."


def check_database(sessions: sessionmaker[Session]) -> None:
    """Find out before the training, not after it, that the version could not be recorded; raises ConfigError."""
    try:
        with sessions() as session:
            versions.highest_number(session)
    except SQLAlchemyError:
        raise ConfigError("The database cannot be used yet: run `flask db upgrade` once, or `make run`.") from None


def _check_free(output_dir: Path) -> None:
    if (output_dir / MODEL_FOLDER).exists():
        raise ConfigError(f"{output_dir / MODEL_FOLDER} is there already: choose another output folder.")


def _at_least(sessions: sessionmaker[Session], serve: bool) -> int:
    """The lowest number for the version. A first one that is not to serve leaves 1 to the base model, which will."""
    return max(versions.next_number(sessions), BASE_NUMBER if serve else BASE_NUMBER + 1)


def _record(
    sessions: sessionmaker[Session], manifest: Manifest, folder: Path, publish_files: Callable[[], None]
) -> None:
    """Publish the version, record it and let it serve unless something speaks against it: all of it, or nothing."""
    record_version(sessions, manifest, folder, publish_files, serve=initial_training.note(manifest) is None)


def record_version(
    sessions: sessionmaker[Session],
    manifest: Manifest,
    folder: Path,
    publish_files: Callable[[], None],
    serve: bool = False,
) -> None:
    """Publish the version and record it, serving or not: all of it, or nothing."""
    with sessions() as session, write_transaction(session):
        publish_files()
        versions.record_version(session, manifest, str(folder))
        if serve:
            versions.point_serving_at(session, manifest.number, None)


def _keep(model: Path, output_dir: Path) -> None:
    """Copy a finished model to `output_dir/model`, all of it or nothing."""
    output_dir.mkdir(parents=True, exist_ok=True)
    aside = output_dir / f".{MODEL_FOLDER}.{os.getpid()}"
    try:
        shutil.copytree(model, aside)
        aside.rename(output_dir / MODEL_FOLDER)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _clear(run_dir: Path, output_dir: Path | None) -> None:
    """Remove the checkpoints, and the whole run folder if nobody asked for it, unless another process trains there."""
    if output_dir is None:
        remove_unless_locked(run_dir)
        return
    lock = try_lock(run_dir)
    if lock is not None:
        with lock:
            for checkpoint in run_dir.glob("checkpoint-*"):
                shutil.rmtree(checkpoint, ignore_errors=True)


def _outcome(manifest: Manifest, note: str | None) -> str:
    scores = ""
    if "dev_loss" in manifest.metrics:
        scores = f", dev loss {manifest.metrics['dev_loss']:.4f}, chrF {manifest.metrics['dev_chrf']:.1f}"
    sentence = note or f"It serves from now on{scores}."
    return f"Version {manifest.number} is published. {sentence}"


def _tell(settings: Settings, number: int) -> None:
    """Let the web processes know; without a queue they see it by polling."""
    try:
        JobQueue(settings.redis_url).tell_alias_moved(number)
    except (RedisError, OSError):
        return
