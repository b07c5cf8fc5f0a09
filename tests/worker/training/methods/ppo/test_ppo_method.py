"""PPO as the runner runs it, on each architecture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.formats import rows_sha256
from models.model_errors import RecipeError
from models.settings.command_line import PPOOptions
from tests.worker.conftest import RecordingProgress
from worker.training.methods import method_of
from worker.training.methods.ppo import PPOMethod, method
from worker.training.run.data import TrainingData
from worker.training.run.runner import Result, train

PROMPTS = [{"prompt": text} for text in ("you are stupid", "stop", "no idiot", "dumb idea", "a bad movie", "go")]
HELD_OUT = [{"prompt": text} for text in ("the answer is trash", "silly person", "go away")]


def short_is_good(prompts: Sequence[Any], completions: Sequence[str]) -> list[float]:
    """A reward that any model can earn."""
    return [-len(text) / 10 for text in completions]


def run_ppo(model: Path, output_dir: Path, **settings: Any) -> tuple[Result, RecordingProgress]:
    """A whole training."""
    options: dict[str, Any] = {
        "max_steps": 4,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 3,
        "rollout_batch_size": 6,
        "num_ppo_epochs": 2,
        "max_completion_length": 5,
        "logging_steps": 1,
    }
    progress = RecordingProgress()
    data = TrainingData(PROMPTS, HELD_OUT, (), rows_sha256(PROMPTS, HELD_OUT), {})
    chosen = PPOOptions.from_mapping({**options, **settings})
    return train(method(short_is_good), str(model), data, chosen, output_dir, progress), progress


@pytest.mark.parametrize("use_peft", [False, True], ids=["whole", "lora"])
def test_a_run_leaves_a_model_without_value_head_and_says_what_it_gained(
    each_model: Path, use_peft: bool, tmp_path: Path
) -> None:
    result, progress = run_ppo(each_model, tmp_path / "out", use_peft=use_peft)

    assert result.steps == 4
    assert set(result.after) == {"reward", "kl", "completion_tokens", "ended"}
    assert result.before["kl"]["value"] == 0
    assert result.after["kl"]["value"] != 0
    assert result.after["reward"]["low"] <= result.after["reward"]["value"] <= result.after["reward"]["high"]
    assert json.loads((tmp_path / "out" / "result.json").read_text())["method"] == "ppo"
    before, after = (load_file(folder / "model.safetensors") for folder in (each_model, result.model_dir))
    assert set(after) == set(before)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert (tmp_path / "out" / "adapter").exists() == use_peft
    assert any("objective/rlhf_reward" in values for _, values in progress.reports)


def test_the_method_is_found_by_its_name_and_wants_a_reward(tiny_t5: Path, tmp_path: Path) -> None:
    found = method_of("ppo")
    assert isinstance(found, PPOMethod)
    data = TrainingData(PROMPTS, HELD_OUT, (), "", {})

    with pytest.raises(
        RecipeError, match=r"^reward_model_path is missing: name the output folder of a training with `reward`\.$"
    ):
        train(found, str(tiny_t5), data, PPOOptions(), tmp_path / "out", RecordingProgress())


def test_the_options_have_the_defaults_that_trl_had() -> None:
    options = PPOOptions()

    assert (options.cliprange, options.cliprange_value, options.vf_coef, options.kl_coef) == (0.2, 0.2, 0.1, 0.05)
    assert (options.gamma, options.lam, options.num_ppo_epochs, options.temperature) == (1.0, 0.95, 4, 1.0)
    assert options.whiten_advantages
    assert not options.whiten_rewards
