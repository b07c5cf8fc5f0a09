"""Interpolation of a retrained model towards the model with which its training on clicks began.

Training on what the last version shows, round after round, moves the weights ever further from the model that was
taught to keep the meaning. After every round but the first they therefore become

    origin + SHARE * (trained - origin)

which is the linear interpolation towards the initialization of WARP (Ramé et al. 2024) and WiSE-FT (Wortsman et al.
2022). Rounds of equal steps d then end SHARE * d / (1 - SHARE) = 2.3 d from the origin, however many they are.
docs/experiments/learning.md has the figures.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from worker.training.shared.checkpoint import load_model

SHARE = 0.7

_DRAFT_SUFFIX = ".draft"


def interpolate_towards(origin_dir: Path, model_dir: Path) -> bool:
    """Move the weights in `model_dir` towards those in `origin_dir`; return False if their shapes differ.

    Files are replaced one by one, never written into, since a run folder may share them. Raises `CheckpointError` if
    there is no model in `origin_dir`.
    """
    origin = load_model(origin_dir).state_dict()
    files = sorted(model_dir.glob("*.safetensors"))
    trained = {path: load_file(path) for path in files}
    if not all(_fits(origin, name, weight) for weights in trained.values() for name, weight in weights.items()):
        return False
    for path, weights in trained.items():
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        moved = {name: torch.lerp(origin[name].to(weight.dtype), weight, SHARE) for name, weight in weights.items()}
        draft = path.with_name(path.name + _DRAFT_SUFFIX)
        save_file(moved, draft, metadata=metadata)
        os.replace(draft, path)
    return True


def _fits(origin: Mapping[str, torch.Tensor], name: str, weight: torch.Tensor) -> bool:
    return name in origin and origin[name].shape == weight.shape and weight.is_floating_point()
