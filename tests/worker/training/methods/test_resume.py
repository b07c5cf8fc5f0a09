"""A run that is killed goes on where it was, and ends with the very weights of one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.worker.conftest import RecordingProgress
from tests.worker.training.methods.conftest import data_of, options_of, run
from worker.training.methods import method_of
from worker.training.run.runner import train
from worker.training.shared.run_folder import last_whole_checkpoint
from worker.training.shared.training_errors import Cancelled, CheckpointError

# Seven pairs in batches of two: four steps an epoch, the last of one pair; dropout of the adapter is on.
SETTINGS: dict[str, Any] = {"max_steps": -1, "num_train_epochs": 2, "per_device_train_batch_size": 2, "save_steps": 3}


def run_and_die(model: Path, output_dir: Path, settings: dict[str, Any], die_after: int) -> None:
    """The run in a process that dies in its middle."""
    told = {"model": str(model), "output_dir": str(output_dir), "settings": settings, "die_after": die_after}
    command = [sys.executable, "-m", "tests.worker.training.methods.dpo_killed", json.dumps(told)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not (output_dir / "model").exists()


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        pytest.param("t5", {}, marks=pytest.mark.slow, id="t5"),
        pytest.param(
            "llama",
            {"use_peft": True, "lora_dropout": 0.3, "gradient_accumulation_steps": 2},
            marks=pytest.mark.slow,
            id="llama-lora",
        ),
    ],
)
def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(
    tiny_t5: Path, tiny_llama: Path, tmp_path: Path, architecture: str, settings: dict[str, Any]
) -> None:
    model = {"t5": tiny_t5, "llama": tiny_llama}[architecture]
    wanted = SETTINGS | settings
    die_after = 4 if settings else 5
    wanted["save_steps"] = die_after - 2
    whole, _ = run("dpo", model, tmp_path / "whole", **wanted)

    run_and_die(model, tmp_path / "killed", wanted, die_after)
    checkpoint = last_whole_checkpoint(tmp_path / "killed")
    assert checkpoint is not None

    again, progress = run("dpo", model, tmp_path / "killed", **wanted)
    assert f"Training goes on from step {checkpoint.name.removeprefix('checkpoint-')}." in progress.lines
    weights = [folder / "model" / "model.safetensors" for folder in (tmp_path / "whole", tmp_path / "killed")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert again.steps == whole.steps
    assert again.before == whole.before
    assert again.after == whole.after
    assert not list((tmp_path / "killed").glob("checkpoint-*"))


def test_a_run_with_another_reference_does_not_go_on_from_this_ones_checkpoints(
    tiny_t5: Path, tiny_t5_v1_1: Path, tmp_path: Path
) -> None:
    options = options_of("dpo", **SETTINGS)
    with pytest.raises(Cancelled):
        train(method_of("dpo"), str(tiny_t5), data_of("preference"), options, tmp_path, RecordingProgress(4))
    assert last_whole_checkpoint(tmp_path) is not None
    with pytest.raises(CheckpointError, match="differs in ref_model"):
        run("dpo", tiny_t5, tmp_path, **SETTINGS, ref_model=str(tiny_t5_v1_1))
