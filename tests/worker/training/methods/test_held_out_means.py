"""Held-out metrics, by which early stopping chooses, do not depend on how the rows fall into batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny.classifiers import build_tiny_encoder
from tests.worker.training.methods.conftest import run

OF_ROWS = {
    "dpo": ["loss", "rewards/accuracies", "rewards/margins", "rewards/chosen", "logps/rejected"],
    # Its loss also depends on the batches through z, by definition.
    "kto": ["rewards/chosen", "rewards/rejected", "rewards/margins", "logps/chosen"],
    "orpo": ["rewards/accuracies", "rewards/margins", "rewards/chosen", "logps/rejected", "log_odds_ratio"],
    "reward": ["loss", "accuracy", "margin"],
    "sft": ["loss"],
}


@pytest.mark.parametrize("architecture", ["t5", "llama"])
@pytest.mark.parametrize("method", OF_ROWS)
def test_a_short_last_batch_counts_as_much_as_its_rows(
    method: str, architecture: str, tiny_t5: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    """Three held-out pairs (six texts for KTO) of different lengths, in batches of two, and all in one."""
    model = {"t5": tiny_t5, "llama": tiny_llama}[architecture]
    if method == "reward" and architecture == "t5":
        model = build_tiny_encoder(tmp_path / "encoder", "bert")
    found = []
    for size in (4 if method == "kto" else 2, 6):
        settings = {"max_steps": 2, "eval_steps": 2, "per_device_eval_batch_size": size}
        _, progress = run(method, model, tmp_path / str(size), **settings)
        found.append(next(values for _, values in progress.reports if "eval_loss" in values))

    for name in OF_ROWS[method]:
        assert found[0][f"eval_{name}"] == pytest.approx(found[1][f"eval_{name}"], rel=1e-4, abs=1e-5), name
