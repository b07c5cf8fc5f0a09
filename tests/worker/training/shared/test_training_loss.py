"""The mean training loss of a run, also of one that was broken off, with a trainer's own figures given."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.worker.conftest import RecordingProgress
from worker.training.shared.training_loss import TrainingLoss


def trainer(*, step: int, resumed_at: int = 0) -> Any:
    """What is read of a trainer that has summed 3 up to its last log, and 0.5 since."""
    return SimpleNamespace(
        add_callback=lambda callback: None,
        _total_loss_scalar=3.0,
        _tr_loss=torch.tensor(0.5),
        _initial_global_step=resumed_at,
        state=SimpleNamespace(global_step=step),
    )


def save(losses: TrainingLoss, folder: Path, step: int, *, should_save: bool = True) -> Any:
    """What a checkpoint keeps of the losses, None if nothing."""
    (folder / f"checkpoint-{step}").mkdir()
    args: Any = SimpleNamespace(output_dir=str(folder), should_save=should_save)
    losses.on_save(args, SimpleNamespace(global_step=step), None)  # type: ignore[arg-type]
    kept = folder / f"checkpoint-{step}" / "training_loss.json"
    return json.loads(kept.read_text()) if kept.exists() else None


def test_a_run_in_one_piece_has_the_mean_of_its_trainer(tmp_path: Path) -> None:
    losses = TrainingLoss(trainer(step=4), None, RecordingProgress())
    assert losses.mean(0.75) == 0.75
    assert save(losses, tmp_path, 4) == {"sum": 3.5, "from_step": 0}
    assert save(losses, tmp_path, 5, should_save=False) is None
    assert TrainingLoss(trainer(step=0), None, RecordingProgress()).mean(0.0) == 0.0


def test_a_resumed_run_counts_the_steps_before_it_too(tmp_path: Path) -> None:
    save(TrainingLoss(trainer(step=4), None, RecordingProgress()), tmp_path, 4)
    progress = RecordingProgress()
    losses = TrainingLoss(trainer(step=6, resumed_at=4), tmp_path / "checkpoint-4", progress)
    assert losses.mean(1.25) == pytest.approx((3.5 + 2 * 1.25) / 6)
    assert save(losses, tmp_path, 6) == {"sum": 7.0, "from_step": 0}
    assert progress.lines == []


def test_of_a_checkpoint_of_an_older_release_the_steps_after_it_count_alone(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-4"
    checkpoint.mkdir()
    progress = RecordingProgress()
    losses = TrainingLoss(trainer(step=6, resumed_at=4), checkpoint, progress)
    assert losses.mean(1.25) == 1.25
    assert progress.lines == [
        "The mean training loss will be of the steps after 4: an older release wrote the checkpoint."
    ]
    assert save(losses, tmp_path, 6) == {"sum": 3.5, "from_step": 4}
