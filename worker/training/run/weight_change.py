"""A check that training changed every weight that it was to train.

A trainer can finish with a falling learning rate and a plausible loss although some tensors never got a gradient: a
quantized layer that once ran without gradients, a head that is not used, a learning rate that rounds to zero.
"""

import math
import zlib
from collections.abc import Mapping

import torch
from torch import nn

from worker.training.shared.training_errors import Diverged, NotLearning

Fingerprint = Mapping[str, int]


def fingerprint(model: nn.Module) -> Fingerprint:
    """Return a checksum of every trainable tensor of `model`, by name."""
    return {name: _checksum(weight) for name, weight in model.named_parameters() if weight.requires_grad}


def check_moved(
    model: nn.Module,
    before: Fingerprint,
    steps: int,
    learning_rate: float,
    warmup_steps: float = 0.0,
    optim: str = "adamw_torch",
) -> None:
    """Raise `NotLearning` unless every trained tensor differs from `before`, and `Diverged` if one is not finite.

    Adam's steps are as large for a small gradient as for a large one. Those of `sgd` are not: a tensor with a small
    gradient, such as the bias of attention's keys, which cancels out, may rightly stand still. There some must move.
    The first matrix of a LoRA adapter gets its first gradient in the second step that moves anything, once the other
    matrix is no longer zero, so it may be unchanged after one such step. During warm-up the first step moves nothing.
    """
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    unmoved = [name for name, weight in trained.items() if before.get(name) == _checksum(weight)]
    stuck = unmoved
    if steps - (warmup_steps > 0) <= 1:
        stuck = [name for name in stuck if "lora_A" not in name]
    for weight in trained.values():
        if not math.isfinite(float(weight.detach().float().sum())):
            raise Diverged("Training left weights that are no numbers: lower learning_rate.")
    if not trained:
        raise NotLearning("No weight was to be trained.")
    if len(unmoved) == len(trained):
        raise NotLearning(
            f"No weight moved in {steps} steps with learning_rate {learning_rate:g} and warmup_steps {warmup_steps:g}."
        )
    if stuck and optim != "sgd":
        raise NotLearning(
            f"{len(stuck)} of {len(trained)} trained weights did not move in {steps} steps with learning_rate "
            f"{learning_rate:g}, {stuck[0]} among them."
        )


def _checksum(weight: torch.Tensor) -> int:
    return zlib.crc32(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
