"""Whether training moved what it was to train.

A trainer can run to its end with a falling learning rate and a plausible loss while some tensors never get a gradient:
a quantized layer that was run without gradients once, a head that nothing reads, a rate that rounds to nothing.
"""

import math
import zlib
from collections.abc import Mapping

import torch
from torch import nn

from worker.training.shared.errors import Diverged, NotLearning

Fingerprint = Mapping[str, int]


def fingerprint(model: nn.Module) -> Fingerprint:
    """A checksum of every tensor of `model` that is to be trained, by its name."""
    return {name: _checksum(weight) for name, weight in model.named_parameters() if weight.requires_grad}


def check_moved(
    model: nn.Module, before: Fingerprint, steps: int, learning_rate: float, warmup_steps: float = 0.0
) -> None:
    """Raise `NotLearning` unless every trained tensor differs from `before`, and `Diverged` at one with no number.

    The first matrix of a LoRA adapter gets its first gradient in the second step that moves anything, when the other
    has left zero, and so may stand still after one such step. While the rate warms up the first step moves nothing.
    """
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    unmoved = [name for name, weight in trained.items() if before.get(name) == _checksum(weight)]
    still = unmoved
    if steps - (warmup_steps > 0) <= 1:
        still = [name for name in still if "lora_A" not in name]
    for weight in trained.values():
        if not math.isfinite(float(weight.detach().float().sum())):
            raise Diverged("Training left weights that are no numbers: lower learning_rate.")
    if not trained:
        raise NotLearning("No weight was to be trained.")
    if len(unmoved) == len(trained):
        raise NotLearning(
            f"No weight moved in {steps} steps with learning_rate {learning_rate:g} and warmup_steps {warmup_steps:g}."
        )
    if still:
        raise NotLearning(
            f"{len(still)} of {len(trained)} trained weights did not move in {steps} steps with learning_rate "
            f"{learning_rate:g}, {still[0]} among them."
        )


def _checksum(weight: torch.Tensor) -> int:
    return zlib.crc32(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
