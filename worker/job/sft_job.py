"""The SFT part of the queue's job: from a run's plan to initial training and the facts for the manifest."""

from __future__ import annotations

from pathlib import Path

from models.settings.sft import SFTPlan
from worker.job import initial_training
from worker.job.recorder import RunRecorder
from worker.publish.release import Facts
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio


def carry_out(studio: Studio, attempt: Attempt, run_dir: Path, staged: Path, recorder: RunRecorder) -> Facts:
    """Train in `run_dir` by the run's plan, resuming an earlier attempt, and fill the staged version."""
    training = initial_training.from_plan(SFTPlan.from_mapping(attempt.config), studio.store)
    return initial_training.train(training, studio.settings, run_dir, staged, recorder, attempt.run_id)
