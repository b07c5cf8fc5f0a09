"""How far two models are apart."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import save_file

from worker.publish.distance import Distance, distance


def model(folder: Path, **weights: list[float]) -> Path:
    folder.mkdir()
    save_file({name: torch.tensor(values) for name, values in weights.items()}, folder / "model.safetensors")
    return folder


def test_equal_weights_are_the_same(tmp_path: Path) -> None:
    one, other = (model(tmp_path / name, a=[1.0, 2.0], b=[3.0]) for name in ("one", "other"))
    assert distance(one, other) == Distance(True, 0.0, 0.0)


def test_the_largest_and_the_mean_difference_are_over_all_weights(tmp_path: Path) -> None:
    one = model(tmp_path / "one", a=[1.0, 2.0, 3.0], b=[4.0])
    other = model(tmp_path / "other", a=[1.0, 2.5, 3.0], b=[3.0])
    assert distance(one, other) == Distance(False, 1.0, 1.5 / 4)


def test_a_bit_is_a_difference(tmp_path: Path) -> None:
    one, other = model(tmp_path / "one", a=[0.0]), model(tmp_path / "other", a=[-0.0])
    assert distance(one, other) == Distance(False, 0.0, 0.0)


def test_other_shapes_are_infinitely_far_apart(tmp_path: Path) -> None:
    one, other = model(tmp_path / "one", a=[1.0]), model(tmp_path / "other", a=[1.0, 2.0])
    assert distance(one, other) == Distance(False, math.inf, math.inf)
