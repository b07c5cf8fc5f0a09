"""QLoRA on a CPU: weights of 4 bits, an adapter on top, and every tensor of it learns."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model

from models.settings.command_line import DPOOptions
from tests.worker.training.methods.conftest import run
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.shared.lora import lora_config
from worker.training.shared.quiet_libraries import quiet

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)


@pytest.mark.parametrize("model", ["t5", "chat"])
def test_dpo_trains_an_adapter_on_weights_of_four_bits(
    model: str, tiny_t5: Path, tiny_chat: Path, tmp_path: Path
) -> None:
    """The run scores held-out rows in evaluation mode before, between and after its steps, and raises NotLearning."""
    source = {"t5": tiny_t5, "chat": tiny_chat}[model]
    result, progress = run(
        "dpo",
        source,
        tmp_path,
        use_peft=True,
        load_in_4bit=True,
        early_stopping_patience=3,
        gradient_checkpointing=True,
    )
    assert progress.reports[0][1]["loss"] == pytest.approx(0.693, abs=1e-3)
    assert result.after["implicit_reward_margin"]["value"] > 0
    assert load_model_and_tokenizer(tmp_path / "model").model.dtype == torch.float32


@pytest.mark.parametrize("nested", [False, True])
def test_a_forward_pass_without_gradients_changes_nothing_for_the_next_one(tiny_chat: Path, nested: bool) -> None:
    options = DPOOptions(use_peft=True, load_in_4bit=True, use_bnb_nested_quant=nested)
    with quiet():
        loaded = load_model_and_tokenizer(tiny_chat, options)
        plain = load_model_and_tokenizer(tiny_chat).model
        model: Any = get_peft_model(
            loaded.model,
            lora_config(loaded.model, 4, 8, 0.0, task_type="CAUSAL_LM"),
        )
        ids = torch.tensor([[1, 70, 80, 90]])
        with torch.no_grad():
            first = model.eval()(input_ids=ids).logits
        model(input_ids=ids, labels=ids).loss.backward()

    trained = [weight for name, weight in model.named_parameters() if "lora_B" in name]
    assert trained
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in trained)
    with torch.no_grad():
        assert torch.equal(model.eval()(input_ids=ids).logits, first)
        gap = (first - plain(input_ids=ids).logits).abs().max()
    assert 0 < float(gap) < 0.1  # quantized, and still the same model
