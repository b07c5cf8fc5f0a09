"""Initial training from the terminal: no run in the database, no queue, the same training and the same version."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.config import ConfigError, Settings
from app.services.versions import versions
from models.store.locks import remove_unless_locked, try_lock
from models.store.manifest import Manifest
from models.store.store import MODEL_FOLDER
from worker.job import initial_training
from worker.job.initial_training import InitialTraining
from worker.publish.base_version import BASE_NUMBER
from worker.publish.release import release
from worker.studio.patience import patiently
from worker.studio.studio import Studio

if TYPE_CHECKING:
    from worker.training.shared.progress import Progress


def train_and_publish(
    training: InitialTraining, settings: Settings, run_dir: Path, output_dir: Path | None, progress: Progress
) -> str:
    """Train, publish the next version and, if the training says so, let it serve; returns the sentence to print.

    The checkpoints in `run_dir` are removed at the end; `output_dir`, if given, keeps the model.
    """
    studio = Studio.of(settings)
    check_database(studio.sessions)
    if output_dir is not None:
        _check_free(output_dir)
    with studio.store.stage() as staged:
        facts = initial_training.train(training, settings, run_dir, staged, progress)
        progress.stage("publishing")
        patiently(partial(versions.next_number, studio.sessions))  # what is trained can wait for the database
        note = initial_training.note(facts)
        # A first version that is not to serve leaves 1 to the base model, which will.
        lowest = BASE_NUMBER if training.serve else BASE_NUMBER + 1
        manifest = release(studio, staged, facts, note, lowest=lowest)
    if output_dir is not None:
        try:
            _keep(studio.store.folder(manifest.number) / MODEL_FOLDER, output_dir)
        except OSError as error:
            raise OSError(
                f"{_outcome(manifest, note)} Its model could not be copied to {output_dir}: {error}."
            ) from None
    _clear(run_dir, output_dir)
    return _outcome(manifest, note)


def train_only(training: InitialTraining, settings: Settings, output_dir: Path, progress: Progress) -> str:
    """Train and leave the model in `output_dir/model`; returns the sentence to print."""
    from worker.training.distributed.launcher import launcher
    from worker.training.sft.sft import train_sft

    _check_free(output_dir)
    whole = output_dir.resolve()  # `.` has no name
    aside = whole.parent / f".{whole.name}.{os.getpid()}"
    try:
        training_in_folder = partial(
            train_sft,
            training.base,
            training.file,
            training.validation,
            training.recipe,
            output_dir,
            aside,
            report_to=training.report_to,
            resume_from=training.resume_from,
        )
        result = launcher(settings.training_processes)(training_in_folder, training.recipe, progress)
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
