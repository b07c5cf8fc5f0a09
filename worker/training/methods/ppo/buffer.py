"""The rollout in progress: the order of its batches, and its part of a checkpoint."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from worker.training.methods.ppo.config import PPOConfig
from worker.training.methods.ppo.models import Completions
from worker.training.methods.ppo.rollout import Rollout
from worker.training.shared.training_errors import CheckpointError


@dataclass(frozen=True)
class Batch:
    """The data of one forward and backward pass; all (B, C) but the last two.

    `step_tokens` is the number of tokens, a scalar, of all this process's batches in the same optimizer step, and
    `begins_step` marks the first of them.
    """

    completions: Completions
    logps: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    step_tokens: Tensor
    begins_step: bool


@dataclass
class Buffer:
    """A rollout of R completions, iterated `passes` times in batches of `batch_size`.

    The first pass keeps the batches of the rollout, so that its first batch has ratios of exactly 1; every later one is
    shuffled by `seed` and its number. `position` counts the batches already returned.
    """

    completions: Completions
    logps: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    batch_size: int
    accumulation: int
    passes: int
    seed: int
    position: int = 0

    @classmethod
    def of(cls, rollout: Rollout, advantages: Tensor, returns: Tensor, args: PPOConfig, seed: int) -> Self:
        """Return the buffer of a fresh rollout."""
        return cls(
            completions=rollout.completions,
            logps=rollout.logps,
            values=rollout.values,
            advantages=advantages,
            returns=returns,
            batch_size=args.per_device_train_batch_size,
            accumulation=args.gradient_accumulation_steps,
            passes=args.num_ppo_epochs,
            seed=seed,
        )

    @property
    def exhausted(self) -> bool:
        """Return True if all passes are done."""
        return self.position >= self.passes * self._batches

    @property
    def _batches(self) -> int:
        return len(self.logps) // self.batch_size

    def next_batch(self) -> Batch:
        """Return the next batch, trimmed to its longest prompt and completion."""
        number, place = divmod(self.position, self._batches)
        order = torch.split(self._order(number), self.batch_size)
        first = place - place % self.accumulation
        in_step = torch.cat(order[first : first + self.accumulation])
        index = order[place]
        completions = self.completions.rows(index)
        width = completions.ids.shape[1]
        self.position += 1
        return Batch(
            completions=completions,
            logps=self.logps[index, :width],
            values=self.values[index, :width],
            advantages=self.advantages[index, :width],
            returns=self.returns[index, :width],
            step_tokens=self.completions.mask[in_step].sum().float(),
            begins_step=place == first,
        )

    def _order(self, number: int) -> Tensor:
        """Return the order of the completions in one pass."""
        if number == 0:
            order = torch.arange(len(self.logps))
        else:
            generator = torch.Generator().manual_seed((self.seed * 1_009 + number) % 2**63)
            order = torch.randperm(len(self.logps), generator=generator)
        return order.to(self.logps.device)


_TENSORS = ("logps", "values", "advantages", "returns")
_NUMBERS = ("batch_size", "accumulation", "passes", "seed", "position")


def _file(folder: Path, process: int) -> Path:
    return folder / f"ppo-{process}.safetensors"


def save_progress(
    folder: Path, process: int, buffer: Buffer | None, value_model: nn.Module, numbers: dict[str, float]
) -> None:
    """Add to the checkpoint `folder` what the base class does not save: value model, rollout, and `numbers`."""
    tensors = {f"value_model.{name}": weight.contiguous() for name, weight in trained_state(value_model).items()}
    described: dict[str, Any] = {"numbers": numbers, "buffer": None}
    if buffer is not None:
        tensors |= {f"buffer.{name}": getattr(buffer, name).contiguous() for name in _TENSORS}
        tensors |= {
            f"completions.{one.name}": getattr(buffer.completions, one.name).contiguous() for one in fields(Completions)
        }
        described["buffer"] = {name: getattr(buffer, name) for name in _NUMBERS}
    save_file(tensors, _file(folder, process), metadata={"ppo": json.dumps(described)})


def load_progress(
    folder: Path, process: int, value_model: nn.Module, device: torch.device
) -> tuple[Buffer | None, dict[str, float]]:
    """Load what `save_progress` wrote, the weights into `value_model`. Raises `CheckpointError` if it is missing."""
    path = _file(folder, process)
    if not path.exists():
        raise CheckpointError(
            f"{folder} is no checkpoint of a PPO training with as many processes: it lacks {path.name}."
        )
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["ppo"])
        groups: dict[str, dict[str, Tensor]] = {"value_model": {}, "buffer": {}, "completions": {}}
        for name in file.keys():  # noqa: SIM118  # not a dictionary
            group, _, rest = name.partition(".")
            groups[group][rest] = file.get_tensor(name).to(device)
    value_model.load_state_dict(groups["value_model"], strict=False)
    buffer = None
    if described["buffer"] is not None:
        kept: dict[str, Any] = {**groups["buffer"], **described["buffer"]}
        buffer = Buffer(Completions(**groups["completions"]), **kept)
    return buffer, described["numbers"]


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the trainable weights of `model` by name, each once, however many names it has."""
    return {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
