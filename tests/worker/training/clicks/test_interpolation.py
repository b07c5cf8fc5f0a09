"""A model that clicks retrained is moved back towards the one with which they began, and nothing else changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.tiny.t5 import build_tiny_t5
from worker.training.clicks.interpolation import SHARE, interpolate_towards
from worker.training.shared.checkpoint import load_model
from worker.training.shared.training_errors import CheckpointError

WEIGHTS = "model.safetensors"


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A model of the same shapes as `tiny_t5`, with other weights."""
    return build_tiny_t5(tmp_path / "trained", seed=5)


def test_every_weight_goes_its_share_of_the_way(tiny_t5: Path, trained: Path) -> None:
    origin, before = load_model(tiny_t5).state_dict(), load_file(trained / WEIGHTS)
    assert interpolate_towards(tiny_t5, trained)
    after = load_file(trained / WEIGHTS)
    assert after.keys() == before.keys()
    for name, weight in after.items():
        assert torch.allclose(weight, origin[name] + SHARE * (before[name] - origin[name]), atol=1e-6)
    with safe_open(trained / WEIGHTS, "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert sorted(path.name for path in trained.iterdir() if "safetensors" in path.name) == [WEIGHTS]
    load_model(trained)


def test_a_file_that_is_shared_with_a_run_folder_is_replaced_and_not_written_into(
    tiny_t5: Path, trained: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "run"
    shared.mkdir()
    os.link(trained / WEIGHTS, shared / WEIGHTS)
    before = (shared / WEIGHTS).read_bytes()
    assert interpolate_towards(tiny_t5, trained)
    assert (shared / WEIGHTS).read_bytes() == before
    assert (trained / WEIGHTS).read_bytes() != before


def test_rounds_of_equal_steps_end_at_a_bounded_distance(tiny_t5: Path, tmp_path: Path) -> None:
    origin = load_file(tiny_t5 / WEIGHTS)
    name = next(iter(origin))
    version = tmp_path / "version"
    shutil.copytree(tiny_t5, version)
    for _ in range(30):
        weights = load_file(version / WEIGHTS)
        weights[name] = weights[name] + 0.01
        save_file(weights, version / WEIGHTS, metadata={"format": "pt"})
        assert interpolate_towards(tiny_t5, version)
    moved = load_file(version / WEIGHTS)[name] - origin[name]
    assert float(moved.mean()) == pytest.approx(0.01 * SHARE / (1 - SHARE), rel=1e-2)


def test_weights_of_other_shapes_are_left_as_they_are(tiny_t5: Path, trained: Path) -> None:
    other = build_tiny_t5(trained.parent / "other", gated=True)
    before = (trained / WEIGHTS).read_bytes()
    assert not interpolate_towards(other, trained)
    assert (trained / WEIGHTS).read_bytes() == before


def test_without_an_origin_it_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no model at"):
        interpolate_towards(tmp_path / "gone", trained)
