"""How far two models of the same shapes are apart, weight by weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file


@dataclass(frozen=True)
class Distance:
    """The largest and the mean absolute difference of two models' weights; `same` if they are equal bit by bit."""

    same: bool
    largest: float
    mean: float


def distance(one: Path, other: Path) -> Distance:
    """Compare the weights in two model folders; those of other names or shapes are infinitely far apart."""
    before, after = _weights(one), _weights(other)
    if {name: weight.shape for name, weight in before.items()} != {
        name: weight.shape for name, weight in after.items()
    }:
        return Distance(False, math.inf, math.inf)
    same = all(_bits_equal(weight, after[name]) for name, weight in before.items())
    apart = [(weight.double() - after[name].double()).abs() for name, weight in before.items()]
    number = sum(gap.numel() for gap in apart)
    return Distance(same, max(float(gap.max()) for gap in apart), sum(float(gap.sum()) for gap in apart) / number)


def _weights(model: Path) -> dict[str, torch.Tensor]:
    return {name: weight for path in sorted(model.glob("*.safetensors")) for name, weight in load_file(path).items()}


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}


def _bits_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one.view(torch.uint8), other.view(torch.uint8))
