"""The SFT part of the queue's job: from a run's plan to initial training and the facts for the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from models.settings.sft import SFTPlan
from worker.job import dataset, initial_training
from worker.job.recorder import RunRecorder
from worker.publish.release import Facts
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio


def made_from(studio: Studio, attempt: Attempt) -> tuple[Mapping[str, object], str]:
    """Return the settings and the hash of the data from which the run's version is made; raises ModelError."""
    from worker.training.sft.sft_data import data_sha256

    training = initial_training.from_plan(SFTPlan.from_mapping(attempt.config), studio.store)
    return training.config, data_sha256(training.file, training.validation)


def carry_out(studio: Studio, attempt: Attempt, run_dir: Path, staged: Path, recorder: RunRecorder) -> Facts:
    """Train in `run_dir` by the run's plan, resuming an earlier attempt, and fill the staged version."""
    training = initial_training.from_plan(SFTPlan.from_mapping(attempt.config), studio.store)
    if training.parent is not None:
        with studio.sessions() as session:
            known = dataset.trained_on(session, studio.store, training.parent)
        training = replace(training, known=known)
    facts = initial_training.train(training, studio.settings, run_dir, staged, recorder)
    return replace(facts, run_id=attempt.run_id, run_key=attempt.key)
