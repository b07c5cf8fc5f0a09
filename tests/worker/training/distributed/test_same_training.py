"""Two processes train as one does: the same figures at the same steps, whatever the batches are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from models.settings.command_line import DPOOptions
from tests.tiny.llama import build_tiny_llama
from tests.tiny.t5 import build_tiny_t5
from tests.worker.training.distributed.curves import Curve, curves, few_curves
from worker.training.distributed.launcher import in_this_process, launcher
from worker.training.shared.progress import SilentProgress

SETTINGS = DPOOptions(use_cpu=True, per_device_train_batch_size=2)
UNLIKE = ("runtime", "per_second", "num_tokens")
"""What is not of the training but of the computing: the tokens are those that all processes read."""


@pytest.fixture
def t5(tmp_path: Path) -> Path:
    """A tiny T5 without dropout."""
    return without(build_tiny_t5(tmp_path / "t5"), "dropout_rate")


def without(folder: Path, dropout: str) -> Path:
    """Set a dropout of the model in the folder to 0; returns the folder."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, dropout: 0.0}), encoding="utf-8")
    return folder


@pytest.mark.long
def test_two_processes_tell_what_one_tells(t5: Path, tmp_path: Path) -> None:
    alone = in_this_process(partial(few_curves, t5, tmp_path / "one"), SETTINGS, SilentProgress())
    together = launcher(2)(partial(few_curves, t5, tmp_path / "two"), SETTINGS, SilentProgress())

    for name, curve in alone.items():
        assert differences(curve, together[name]) == [], name


@pytest.mark.slow
def test_they_do_so_with_every_loss_and_kind_of_model(t5: Path, tmp_path: Path) -> None:
    llama = without(build_tiny_llama(tmp_path / "llama"), "attention_dropout")
    one, two = (partial(curves, t5, llama, tmp_path / name) for name in ("one", "two"))

    alone = in_this_process(one, SETTINGS, SilentProgress())
    together = launcher(2)(two, SETTINGS, SilentProgress())

    for name, curve in alone.items():
        assert differences(curve, together[name]) == [], name


def differences(expected: Curve, found: Curve) -> list[object]:
    """Return what differs by more than 1e-4, or the names of the figures where these differ."""
    names, others = ([(step, sorted(values)) for step, values in curve] for curve in (expected, found))
    if names != others:
        return [names, others]
    return [
        (step, name, value, other[name])
        for (step, values), (_, other) in zip(expected, found, strict=True)
        for name, value in values.items()
        if abs(value - other[name]) > 1e-4 * max(1.0, abs(value))
        if not name.endswith(UNLIKE) and not _tied(name, step) and not _padded(name, values)
    ]


def _padded(name: str, values: Mapping[str, float]) -> bool:
    """Return whether TRL's figure is a mean over padding, too, of which each process has its own: ORPO's logits."""
    return "logits/" in name and any(other.endswith("log_odds_ratio") for other in values)


def _tied(name: str, step: int) -> bool:
    """Return whether a figure says which of two equal numbers is larger, as before the first step."""
    return name == "rewards/accuracies" and step == 1
