"""What the folder of an adapter says of itself, read without loading any model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from worker.training.loading.adapters import base_of, check_adapter, is_adapter, mark_as_trained_here, rates_texts
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.shared.training_errors import CheckpointError


def adapter(folder: Path, **config: Any) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_folder_with_an_adapters_configuration_is_one(tmp_path: Path) -> None:
    assert is_adapter(adapter(tmp_path / "a"))
    assert not is_adapter(tmp_path)
    assert not is_adapter(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("config", "rates"), [({"task_type": "SEQ_CLS"}, True), ({"task_type": "CAUSAL_LM"}, False), ({}, False)]
)
def test_the_adapter_of_a_classifier_rates_texts(tmp_path: Path, config: dict[str, Any], rates: bool) -> None:
    assert rates_texts(adapter(tmp_path / "a", **config)) is rates


@pytest.mark.parametrize("content", ["{", "[]", "null"])
def test_of_a_damaged_configuration_nothing_is_believed(tmp_path: Path, content: str) -> None:
    folder = adapter(tmp_path / "a")
    (folder / "adapter_config.json").write_text(content)
    assert not rates_texts(folder)
    assert not rates_texts(tmp_path / "nowhere")
    with pytest.raises(CheckpointError) as refusal:
        base_of(folder)
    assert str(refusal.value) == f"{folder / 'adapter_config.json'} is damaged."


def test_a_model_of_the_hub_is_believed_and_a_place_only_of_ones_own(tmp_path: Path) -> None:
    assert base_of(adapter(tmp_path / "a", base_model_name_or_path="someone/model")) == "someone/model"
    assert base_of(adapter(tmp_path / "b", base_model_name_or_path="model")) == "model"
    for number, place in enumerate((str(tmp_path), "/no/where", "./b", "~b", "a/b/c")):
        folder = adapter(tmp_path / f"place {number}", base_model_name_or_path=place)
        with pytest.raises(CheckpointError) as refusal:
            base_of(folder)
        assert str(refusal.value) == (
            f"The adapter {folder} was not trained here and says that its base model is in {place}: merge it with the "
            "model that you mean first."
        )
        mark_as_trained_here(folder)
        assert base_of(folder) == place


def test_an_adapter_without_base_or_weights_is_refused(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "a", base_model_name_or_path="")
    with pytest.raises(CheckpointError) as refusal:
        base_of(folder)
    assert str(refusal.value) == f"The adapter {folder} does not name its base model: give it too."
    for name in ("", "mine"):
        with pytest.raises(CheckpointError) as refusal:
            check_adapter(folder, name)
        assert str(refusal.value) == f"{name or folder} is no adapter: it has no adapter_model.safetensors."
    save_file({"w": torch.zeros(1)}, folder / "adapter_model.safetensors")
    check_adapter(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(CheckpointError) as refusal:
        check_adapter(folder)
    assert str(refusal.value) == f"{folder} is no adapter: it has no adapter_config.json."


def test_what_rates_texts_is_not_loaded_to_write_them(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "a", task_type="SEQ_CLS")
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(
        json.dumps({"model_type": "bert", "architectures": ["BertForSequenceClassification"]})
    )
    for place, what in ((folder, "the adapter of a reward model"), (model, "a reward model or another classifier")):
        with pytest.raises(CheckpointError) as refusal:
            load_model_and_tokenizer(place)
        assert str(refusal.value) == f"{place} is {what}: it rates texts and writes none."
