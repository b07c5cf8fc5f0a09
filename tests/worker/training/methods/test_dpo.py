"""DPO for every kind of model: what it learns from, what it compares with, and that all of it learns."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from models.settings.losses import LOSS_TYPES
from tests.tiny.llama import build_tiny_llama
from tests.worker.training.methods.conftest import PREFERENCES, data_of, options_of, run, trainer_of
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import CheckpointError


def first_batch(trainer: Any) -> dict[str, torch.Tensor]:
    return trainer.data_collator(list(trainer.train_dataset))  # type: ignore[no-any-return]


def loss_of(trainer: Any) -> float:
    with quiet():
        return float(trainer.compute_loss(trainer.model.train(), first_batch(trainer)).detach())


@pytest.mark.parametrize("use_peft", [False, True], ids=["all-weights", "lora"])
def test_every_kind_of_model_learns_and_is_scored_while_it_does(
    each_model: Path, tmp_path: Path, use_peft: bool
) -> None:
    """That every trained tensor moved is checked by the run itself, which would raise NotLearning."""
    result, progress = run("dpo", each_model, tmp_path, use_peft=use_peft, early_stopping_patience=3)

    assert progress.reports[0][1]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    scores = [values["eval_rewards/margins"] for _, values in progress.reports if "eval_rewards/margins" in values]
    assert scores[-1] > 0
    assert result.after["implicit_reward_margin"]["value"] > 0
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["after"]["preference_accuracy"]["texts"] == 3
    assert written == {
        "method": "dpo",
        "model": str(each_model),
        "data_sha256": data_of("preference").sha256,
        "options": options_of("dpo", use_peft=use_peft, early_stopping_patience=3).as_dict(),
        "processes": 1,
        "parent": str(each_model),
        "round": 1,
        "data": {"train": 7, "held_out": 3},
        "steps": 4,
        "seconds": round(result.seconds, 1),
        "peak_memory_bytes": result.peak_memory_bytes,
        "train_loss": result.train_loss,
        "before": result.before,
        "after": result.after,
        "report_to": [],
        "saved_difference": pytest.approx(0, abs=1e-2),
    }
    assert (result.method, result.model_dir) == ("dpo", tmp_path / "model")
    assert progress.stages == ["loading", "scoring", "preparing", "training", "scoring", "saving"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "lock", "model", "result.json", "trained_on.safetensors", "training.json", *(["adapter"] if use_peft else []),
    }  # fmt: skip
    assert load_model_and_tokenizer(tmp_path / "model").tokenizer.eos_token_id is not None
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists() == use_peft


def test_a_decoder_only_model_learns_the_tokens_that_it_is_scored_by(tiny_chat: Path, tmp_path: Path) -> None:
    """The prompt ends where the assistant speaks; the completion is what it says, closed by one EOS."""
    with quiet():
        trainer = trainer_of("dpo", tiny_chat, tmp_path, PREFERENCES[:1])
    tokenizer = trainer.processing_class
    (row,) = trainer.train_dataset

    assert tokenizer.decode(row["prompt_ids"]) == "<|user|>you are stupid<eos><|assistant|>"
    assert tokenizer.decode(row["chosen_ids"]) == "you are wrong<eos>"
    assert tokenizer.decode(row["rejected_ids"]) == "you are a moron<eos>"
    batch = first_batch(trainer)
    scored = batch["input_ids"][0][batch["completion_mask"][0].bool()]
    assert tokenizer.decode(scored) == "you are wrong<eos>"


def test_a_plain_language_model_continues_the_text_and_ends_it_once(tiny_llama: Path, tmp_path: Path) -> None:
    with quiet():
        trainer = trainer_of("dpo", tiny_llama, tmp_path, PREFERENCES[:1])
    tokenizer = trainer.processing_class
    (row,) = trainer.train_dataset

    assert tokenizer.decode(row["prompt_ids"]) == "<bos>you are stupid"
    assert tokenizer.decode(row["chosen_ids"]) == "you are wrong<eos>"


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_all_of_trls_losses_train_either_kind_of_model(
    tiny_t5: Path, tiny_llama: Path, tmp_path: Path, loss_type: str
) -> None:
    smoothing = 0.01 if loss_type == "exo_pair" else 0.0
    for name, model in (("t5", tiny_t5), ("llama", tiny_llama)):
        with quiet():
            trainer = trainer_of(
                "dpo", model, tmp_path / name, PREFERENCES[:4], loss_type=[loss_type], label_smoothing=smoothing
            )
            loss = trainer.compute_loss(trainer.model.train(), first_batch(trainer))
            loss.backward()
        assert math.isfinite(float(loss.detach()))
        assert any(weight.grad is not None and bool(weight.grad.any()) for weight in trainer.model.parameters())


def test_several_losses_add_up_by_their_weights(tiny_t5: Path, tmp_path: Path) -> None:
    def loss(**settings: Any) -> float:
        with quiet():
            return loss_of(trainer_of("dpo", tiny_t5, tmp_path, PREFERENCES[:4], **settings))

    together = loss(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.25])

    assert together == pytest.approx(loss() + 0.25 * loss(loss_type=["sft"]), rel=1e-5)


@pytest.mark.parametrize("model", ["t5", "llama"])
def test_the_reference_may_be_computed_beforehand(model: str, tiny_t5: Path, tiny_llama: Path, tmp_path: Path) -> None:
    """The same weights come out either way, and no cache is left in the run folder."""
    source = {"t5": tiny_t5, "llama": tiny_llama}[model]
    run("dpo", source, tmp_path / "kept", max_steps=2)
    run("dpo", source, tmp_path / "beforehand", max_steps=2, precompute_ref_log_probs=True)

    one, other = (load_model_and_tokenizer(tmp_path / name / "model").model for name in ("kept", "beforehand"))
    for (name, weight), same in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(weight, same, atol=2e-4), name
    assert not list((tmp_path / "beforehand").rglob("*.arrow"))


def test_another_model_may_be_the_reference(tiny_llama: Path, tmp_path: Path) -> None:
    """Worked by hand: the loss of eq. 7 with p of one model and p_ref of another."""
    other = build_tiny_llama(tmp_path / "other", chat=False, seed=1)
    with quiet():
        trainer = trainer_of("dpo", tiny_llama, tmp_path, PREFERENCES[:1], ref_model=str(other), beta=0.5)
    (row,) = trainer.train_dataset

    def log_p(folder: Path, completion: str) -> float:
        model: Any = load_model_and_tokenizer(folder).model
        prompt, after = row["prompt_ids"], row[f"{completion}_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([prompt + after])).logits[0, len(prompt) - 1 : -1]
        return float(logits.log_softmax(-1)[range(len(after)), after].sum())

    margin = (log_p(tiny_llama, "chosen") - log_p(other, "chosen")) - (
        log_p(tiny_llama, "rejected") - log_p(other, "rejected")
    )
    assert abs(margin) > 1e-3
    assert loss_of(trainer) == pytest.approx(math.log(1 + math.exp(-0.5 * margin)), abs=1e-5)


def test_a_reference_of_another_kind_is_refused(tiny_t5: Path, tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be the reference model"), quiet():
        trainer_of("dpo", tiny_t5, tmp_path, PREFERENCES[:1], ref_model=str(tiny_llama))


def test_dropout_of_the_model_is_off_and_that_of_the_adapter_is_on(tiny_llama: Path, tmp_path: Path) -> None:
    """Attention of this Llama drops a tenth, as a plain number, which TRL alone would leave on."""
    with quiet():
        trainer = trainer_of("dpo", tiny_llama, tmp_path, PREFERENCES[:4], use_peft=True)
    assert loss_of(trainer) == pytest.approx(math.log(2), abs=1e-6)
