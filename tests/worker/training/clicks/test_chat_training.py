"""An adapter of a chat model is trained on conversations, and further in the next round."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from models.settings.chat_clicks import chat_options
from tests.tiny.chat import build_tiny_chat
from tests.worker.conftest import RecordingProgress
from worker.training.clicks.chat_training import train_chat
from worker.training.shared.training_errors import CheckpointError

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is new?"}]
PAIRS: list[dict[str, Any]] = [
    {"prompt": ASKED, "chosen": "nothing", "rejected": "a lot of things"},
    {"prompt": ASKED[1:], "chosen": "not much", "rejected": "a lot, a lot"},
]
MARKED = [
    {"prompt": row["prompt"], "completion": row[name], "label": name == "chosen"}
    for row in PAIRS
    for name in ("chosen", "rejected")
]
AT_FIRST = {"dpo": math.log(2), "kto": 0.5}
"""The loss of a policy that is its reference."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_chat(tmp_path_factory.mktemp("tiny") / "model")


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_the_next_round_trains_the_adapter_further_beside_a_copy_that_is_its_reference(
    tiny: Path, tmp_path: Path, method: str
) -> None:
    options = chat_options(method, {"lora_r": 4, "learning_rate": 1e-2, "num_train_epochs": 3})
    rows = MARKED if method == "kto" else PAIRS
    adapter = None
    for name in ("first", "second"):
        heard = RecordingProgress()
        result = train_chat(tiny, adapter, rows, method, options, tmp_path / name, heard)
        assert (result.examples, result.steps) == (len(rows), 3)
        if method in AT_FIRST:
            assert heard.reports[0][1]["loss"] == pytest.approx(AT_FIRST[method], abs=1e-4)
        adapter = tmp_path / name / "adapter"
        assert sorted(path.name for path in adapter.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
        said = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        assert (said["r"], said["base_model_name_or_path"]) == (4, str(tiny))
        assert not (tmp_path / name / "model").exists()


def test_what_is_trained_already_is_not_trained_again(tiny: Path, tmp_path: Path) -> None:
    options = chat_options("orpo", {"num_train_epochs": 1, "learning_rate": 1e-3})
    results = []
    for _ in range(2):
        heard = RecordingProgress()
        results.append(train_chat(tiny, None, PAIRS, "orpo", options, tmp_path / "run", heard))
    assert results[0] == results[1]
    assert "An earlier attempt had trained the model already." in heard.lines
    assert heard.stages == []


def test_an_adapter_of_another_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    from tests.tiny.llama import build_tiny_llama

    options = chat_options("orpo", {"num_train_epochs": 1, "learning_rate": 1e-3})
    train_chat(tiny, None, PAIRS, "orpo", options, tmp_path / "run", RecordingProgress())
    other = build_tiny_llama(tmp_path / "other")
    with pytest.raises(CheckpointError, match="does not fit"):
        train_chat(other, tmp_path / "run" / "adapter", PAIRS, "orpo", options, tmp_path / "more", RecordingProgress())
