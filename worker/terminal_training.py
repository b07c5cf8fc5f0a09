"""Initial training from the terminal: no run in the database, no queue, the same training and the same version."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.config import ConfigError, Settings
from app.db import make_sessions, write_transaction
from app.queue import JobQueue
from app.services import versions
from models.manifest import Manifest
from models.store import MODEL_FOLDER, CheckpointStore
from worker import initial_training
from worker.base_version import BASE_NUMBER
from worker.initial_training import METHOD, InitialTraining

if TYPE_CHECKING:
    from worker.training.progress import Progress


def train_and_publish(
    training: InitialTraining, settings: Settings, run_dir: Path, output_dir: Path | None, progress: Progress
) -> str:
    """Train, publish the next version and, if the training says so, let it serve; returns the sentence to print.

    The checkpoints in `run_dir` are removed at the end; `output_dir`, if given, keeps the model.
    """
    from worker import publish

    sessions = make_sessions(settings.database_url)
    _check_database(sessions)
    if output_dir is not None:
        _check_free(output_dir)
    store = CheckpointStore(settings.store)
    with store.stage() as staged:
        metrics, digest = initial_training.train(training, settings, run_dir, staged, progress)
        progress.stage("publishing")
        if output_dir is not None:
            _keep(staged / MODEL_FOLDER, output_dir)
        manifest = publish.seal(
            store,
            staged,
            number=_next_number(sessions, store, training.serve),
            parent=training.parent,
            run_id=None,
            method=METHOD,
            config=training.config,
            data_sha256=digest,
            metrics=metrics,
        )
        note = initial_training.note(manifest)
        with sessions() as session, write_transaction(session):
            store.publish(staged, manifest.number)
            versions.record_version(session, manifest, str(store.place(manifest.number)))
            if note is None:
                versions.point_serving_at(session, manifest.number, None)
    _clear(run_dir, output_dir)
    if note is None:
        _tell(settings, manifest.number)
    return _outcome(manifest, note)


def train_only(training: InitialTraining, output_dir: Path, progress: Progress) -> str:
    """Train and leave the model in `output_dir/model`; returns the sentence to print."""
    from worker.training.sft import train_sft

    _check_free(output_dir)
    aside = output_dir.with_name(f".{output_dir.name}.{os.getpid()}")
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


def _check_database(sessions: sessionmaker[Session]) -> None:
    """Find out before the training, not after it, that the version could not be recorded; raises ConfigError."""
    try:
        with sessions() as session:
            versions.highest_number(session)
    except SQLAlchemyError:
        raise ConfigError("The database cannot be used yet: run `flask db upgrade` once, or `make run`.") from None


def _check_free(output_dir: Path) -> None:
    if (output_dir / MODEL_FOLDER).exists():
        raise ConfigError(f"{output_dir / MODEL_FOLDER} is there already: choose another output folder.")


def _next_number(sessions: sessionmaker[Session], store: CheckpointStore, serve: bool) -> int:
    """The number of the new version. A first one that is not to serve leaves 1 to the base model, which will."""
    with sessions() as session:
        at_least = versions.highest_number(session) + 1
    return store.next_number(at_least if serve else max(at_least, BASE_NUMBER + 1))


def _keep(model: Path, output_dir: Path) -> None:
    """Copy a finished model to `output_dir/model`, all of it or nothing."""
    output_dir.mkdir(parents=True, exist_ok=True)
    aside = output_dir / f".{MODEL_FOLDER}.{os.getpid()}"
    shutil.copytree(model, aside)
    aside.rename(output_dir / MODEL_FOLDER)


def _clear(run_dir: Path, output_dir: Path | None) -> None:
    """Remove the checkpoints, and the whole run folder if nobody asked for it."""
    if output_dir is None:
        shutil.rmtree(run_dir, ignore_errors=True)
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
