"""A training that is killed goes on where it was, and ends with the very weights of one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.formats.files.pair_files import read_pair_file
from models.settings.sft import SFTRecipe
from tests.worker.conftest import RecordingProgress
from worker.training.sft.sft import train_sft
from worker.training.shared.run_folder import last_whole_checkpoint

# 22 pairs to train on in batches of 4: 6 steps an epoch, the last one of two pairs; dropout is on.
RECIPE: dict[str, Any] = {
    "num_train_epochs": 3,
    "per_device_train_batch_size": 4,
    "save_steps": 4,
    "learning_rate": 0.01,
    "logging_steps": 1,
    "dev_split": 0,
}


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    rows = [f"you are a {'very ' * (number % 5)}bad {number} idiot\tyou are {number}" for number in range(22)]
    path.write_text("source\ttarget\n" + "\n".join(rows) + "\n")
    return path


def train(base: Path, pairs: Path, folder: Path, recipe: dict[str, Any]) -> list[str]:
    """A training in this process, which nobody kills; returns its log."""
    progress = RecordingProgress()
    file = read_pair_file(pairs)
    train_sft(base, file, None, SFTRecipe.from_mapping(recipe), folder / "run", folder / "out", progress)
    return progress.lines


def train_and_die(base: Path, pairs: Path, folder: Path, recipe: dict[str, Any], **dies: int) -> None:
    """The same training in a process that dies in its middle."""
    wish = {"base": str(base), "pairs": str(pairs), "run_dir": str(folder / "run"), "output_dir": str(folder / "out")}
    told = json.dumps({**wish, "recipe": recipe, "die_after": 0, "die_saving": 0, **dies})
    command = [sys.executable, "-m", "tests.worker.training.sft.sft_killed", told]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not (folder / "out").exists()


def assert_same_weights(one: Path, other: Path) -> None:
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("gated", "settings"),
    [
        (False, {"save_steps": 4}),  # in the middle of an epoch
        # at its end, with dev scores and the best one kept
        pytest.param(True, {"save_steps": 0, "dev_split": 4}, marks=pytest.mark.slow),
        pytest.param(
            False,
            {"save_steps": 3, "gradient_accumulation_steps": 2, "optim": "adamw_torch", "warmup_steps": 2},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            True,
            {"save_steps": 4, "use_peft": True, "dev_split": 4, "early_stopping_patience": 3},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["steps", "epochs", "accumulation", "lora"],
)
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(
    tiny_t5: Path, tiny_t5_v1_1: Path, pairs_file: Path, tmp_path: Path, gated: bool, settings: dict[str, Any]
) -> None:
    base, recipe = tiny_t5_v1_1 if gated else tiny_t5, RECIPE | settings
    assert not any("goes on" in line for line in train(base, pairs_file, tmp_path / "whole", recipe))

    train_and_die(base, pairs_file, tmp_path / "killed", recipe, die_after=8)
    checkpoint = last_whole_checkpoint(tmp_path / "killed" / "run")
    assert checkpoint is not None

    lines = train(base, pairs_file, tmp_path / "killed", recipe)
    assert f"Training goes on from step {checkpoint.name.removeprefix('checkpoint-')}." in lines
    assert_same_weights(tmp_path / "whole" / "out", tmp_path / "killed" / "out")


@pytest.mark.slow
def test_a_checkpoint_that_was_being_written_is_not_gone_on_from(
    tiny_t5: Path, pairs_file: Path, tmp_path: Path
) -> None:
    train(tiny_t5, pairs_file, tmp_path / "whole", RECIPE)
    train_and_die(tiny_t5, pairs_file, tmp_path / "killed", RECIPE, die_saving=8)
    assert (tmp_path / "killed" / "run" / "checkpoint-8").is_dir()

    lines = train(tiny_t5, pairs_file, tmp_path / "killed", RECIPE)
    assert "Training goes on from step 4." in lines
    assert_same_weights(tmp_path / "whole" / "out", tmp_path / "killed" / "out")


def test_a_training_that_died_after_its_last_step_only_writes_its_model(
    tiny_t5: Path, pairs_file: Path, tmp_path: Path
) -> None:
    recipe = RECIPE | {"save_steps": 0, "dev_split": 4}
    train(tiny_t5, pairs_file, tmp_path, recipe)
    (tmp_path / "out").rename(tmp_path / "before")
    train(tiny_t5, pairs_file, tmp_path, recipe)
    assert_same_weights(tmp_path / "before", tmp_path / "out")
