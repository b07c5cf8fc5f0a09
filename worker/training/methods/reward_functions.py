"""Reward functions: a trained reward model, or any function of prompts and completions.

A reward model reads a text exactly as in its training, since both use worker/training/run/ratings.py.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from models.model_errors import RecipeError
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.loading.rendering import Text, render
from worker.training.run.ratings import rate
from worker.training.run.saving import MODEL
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError, Diverged

Reward = Callable[[Sequence[Text], Sequence[str]], Sequence[float]]
"""From prompts (texts or messages) and one completion of each to one number for each, higher is better."""

_HEAD = "ForSequenceClassification"


class RewardModel:
    """A trained reward model as a function of prompts and completions.

    `folder` is the output of the method `reward` (its output folder or `model` in it), or a hub id. Raises
    `CheckpointError` if it is no classifier with one output.
    """

    def __init__(self, folder: Path | str, batch_size: int = 16, device: torch.device | str | None = None) -> None:
        self.folder = _model_folder(folder)
        _check_head(self.folder)
        loaded = load_model_and_tokenizer(self.folder, classifier=True)
        loaded.model.to(torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")))  # type: ignore[arg-type]
        loaded.model.requires_grad_(False)
        self.loaded, self.batch_size = loaded, batch_size

    def __call__(self, prompts: Sequence[Text], completions: Sequence[Text]) -> list[float]:
        """Return the reward of each completion for its prompt."""
        rows = [
            {"prompt": prompt, "completion": completion}
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        return rate(self.loaded, self.loaded.model, render(rows, self.loaded), "completion", self.batch_size)


def load_reward(options: Any) -> Reward:
    """Load the reward model that `options.reward_model_path` names. Raises `RecipeError` or `CheckpointError`."""
    if not options.reward_model_path:
        raise RecipeError("reward_model_path is missing: name the output folder of a training with `reward`.")
    cpu = options.use_cpu or not torch.cuda.is_available()
    return _cached(str(options.reward_model_path), options.per_device_eval_batch_size, "cpu" if cpu else "cuda")


@lru_cache(maxsize=1)
def _cached(folder: str, batch_size: int, device: str) -> Reward:
    return RewardModel(folder, batch_size, device)


def rewards_of(reward: Reward, prompts: Sequence[Text], completions: Sequence[str]) -> list[float]:
    """Compute the rewards and check them: raises `Diverged` unless there is one finite number for each completion."""
    found = [float(value) for value in reward(prompts, completions)]
    if len(found) != len(completions):
        raise Diverged(f"The reward function gave {len(found)} numbers for {len(completions)} texts.")
    for value, completion in zip(found, completions, strict=True):
        if not math.isfinite(value):
            raise Diverged(f"The reward of {completion[:80]!r} is {value}, which cannot be learned from.")
    return found


def _model_folder(folder: Path | str) -> str:
    """Return `folder`, or the model in it if it is the output folder of a training."""
    inside = Path(folder) / MODEL
    return str(inside if not (Path(folder) / "config.json").exists() and inside.is_dir() else folder)


def _check_head(name: str) -> None:
    """Raise `CheckpointError` unless the model is a reward model; the head of another would be random."""
    if (Path(name) / "adapter_config.json").is_file():
        return
    try:
        with quiet():
            config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CheckpointError(f"No reward model could be loaded from {name}: {reason}") from error
    kind = next(iter(config.architectures or ()), "unknown")
    if not kind.endswith(_HEAD) or config.num_labels != 1:
        raise CheckpointError(
            f"{name} is no reward model: it is a {kind} with {config.num_labels} outputs, not a classifier with one. "
            "Train one from it with `reward`."
        )
