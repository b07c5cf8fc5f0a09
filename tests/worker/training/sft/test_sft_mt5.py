"""An mT5 goes the whole way: it is a class of its own in transformers and in the engine that serves."""

from __future__ import annotations

import json
from pathlib import Path

from models.formats.files.pair_files import read_pairs_from
from models.settings.sft import SFTRecipe
from models.store.store import MODEL_FOLDER, SERVING_FOLDER
from worker.publish import staging
from worker.training.sft.sft import train_sft
from worker.training.shared.progress import SilentProgress


def test_an_mt5_is_trained_converted_and_agrees_with_its_served_form(tiny_mt5: Path, tmp_path: Path) -> None:
    file = read_pairs_from(b"source\ttarget\nyou idiot\tyou\na damn moron\ta person\nshut up\tplease stop\n", "a.tsv")
    recipe = SFTRecipe(num_train_epochs=3, learning_rate=0.03, dev_split=3)

    staged = tmp_path / "staged"
    result = train_sft(tiny_mt5, file, None, recipe, tmp_path / "run", staged / MODEL_FOLDER, SilentProgress())
    assert result.dev_loss < result.parent_dev_loss
    assert json.loads((staged / MODEL_FOLDER / "config.json").read_text())["model_type"] == "mt5"
    assert staging.prepare(staged) < 1e-3
    assert (staged / SERVING_FOLDER / "model.bin").exists()
