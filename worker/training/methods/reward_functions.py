"""Reward functions: a trained reward model, or any function of prompts and completions.

A reward model reads a text exactly as in its training, since both use `encode_rating` and `pad_ratings`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, PreTrainedModel

from models.model_errors import RecipeError
from worker.training.loading.loading import Loaded, load_model_and_tokenizer
from worker.training.loading.rendering import Text, render
from worker.training.run.saving import MODEL
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError, Diverged

Reward = Callable[[Sequence[Text], Sequence[str]], Sequence[float]]
"""From prompts (texts or messages) and one completion of each to one number for each, higher is better."""

Rating = dict[str, list[int]]
"""The classifier's input for one prompt and completion: `input_ids`, and `token_type_ids` if the model has them."""

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


def encode_rating(loaded: Loaded, prompt: Text, completion: Text) -> Rating:
    """Encode a rendered prompt and completion for the classifier.

    An encoder, whose tokenizer has a classification and a separator token, gets a pair: `[CLS] prompt [SEP] completion
    [SEP]`. A chat model gets the conversation in its own template, any other decoder-only model the text closed by one
    EOS. The spelling of a special token in a text is tokenized as ordinary letters. A row longer than the model's
    positions is cut: for an encoder at the end of the longer part, else at the beginning.
    """
    tokenizer: Any = loaded.tokenizer
    longest = min(tokenizer.model_max_length, getattr(loaded.model.config, "max_position_embeddings", None) or 2**40)
    if tokenizer.cls_token is not None and tokenizer.sep_token is not None:
        cut = {"truncation": "longest_first", "max_length": longest} if longest < 2**40 else {}
        pair = tokenizer(prompt, completion, split_special_tokens=True, **cut)
        return {name: pair[name] for name in ("input_ids", "token_type_ids") if name in pair}
    if not isinstance(prompt, str):
        text = tokenizer.apply_chat_template([*prompt, *completion], tokenize=False)
        return {"input_ids": tokenizer(text, add_special_tokens=False).input_ids[-longest:]}
    ids = tokenizer(prompt, split_special_tokens=True).input_ids
    ids += tokenizer(completion, add_special_tokens=False, split_special_tokens=True).input_ids
    if tokenizer.eos_token_id is not None:
        ids = [*ids, tokenizer.eos_token_id]
    return {"input_ids": ids[-longest:]}


def pad_ratings(ratings: Sequence[Rating], pad_token_id: int) -> dict[str, Tensor]:
    """Pad N encoded rows on the right to matrices (N, longest), with `attention_mask`."""
    width = max(len(rating["input_ids"]) for rating in ratings)

    def padded(rows: Iterable[list[int]], filler: int) -> Tensor:
        return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])

    batch = {
        "input_ids": padded((rating["input_ids"] for rating in ratings), pad_token_id),
        "attention_mask": padded(([1] * len(rating["input_ids"]) for rating in ratings), 0),
    }
    if "token_type_ids" in ratings[0]:
        batch["token_type_ids"] = padded((rating["token_type_ids"] for rating in ratings), 0)
    return batch


@torch.no_grad()
def rate(
    loaded: Loaded, model: PreTrainedModel, rows: Sequence[Mapping[str, Any]], column: str, batch_size: int
) -> list[float]:
    """Return the rewards under `model` (loaded like `loaded`) of the column `column` of rendered rows."""
    ratings = [encode_rating(loaded, row["prompt"], row[column]) for row in rows]
    order = sorted(range(len(ratings)), key=lambda place: len(ratings[place]["input_ids"]))
    training, found = model.training, [0.0] * len(ratings)
    model.train(False)
    for first in range(0, len(order), batch_size):
        places = order[first : first + batch_size]
        batch = pad_ratings([ratings[place] for place in places], pad_token_id(loaded))
        logits = model(**{name: values.to(model.device) for name, values in batch.items()}).logits
        for place, value in zip(places, logits[:, 0].float().tolist(), strict=True):
            found[place] = value
    model.train(training)
    return found


def pad_token_id(loaded: Loaded) -> int:
    """Return the padding token's id."""
    return int(loaded.tokenizer.pad_token_id or 0)


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
