"""Supervised fine-tuning: what counts, where texts end, and that every tensor learns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from models.model_errors import RecipeError
from tests.worker.training.methods.conftest import PREFERENCES, completions, run, trainer_of
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5.seq2seq_dpo import disable_dropout

ROWS = completions(PREFERENCES)


def batch_of(trainer: Any) -> dict[str, Any]:
    return trainer.data_collator(list(trainer.train_dataset))  # type: ignore[no-any-return]


@pytest.mark.parametrize("use_peft", [False, True], ids=["all-weights", "lora"])
def test_every_kind_of_model_learns_and_is_scored_while_it_does(
    each_model: Path, tmp_path: Path, use_peft: bool
) -> None:
    result, progress = run("sft", each_model, tmp_path, use_peft=use_peft, early_stopping_patience=3)

    losses = [values["eval_loss"] for _, values in progress.reports if "eval_loss" in values]
    assert losses[-1] < losses[0]
    before, after = result.before, result.after
    assert after["nll"]["value"] < before["nll"]["value"]
    assert after["perplexity"]["texts"] == 3
    for bound in ("value", "low", "high"):
        assert after["perplexity"][bound] == pytest.approx(math.exp(after["nll"][bound]))
    assert after["nll"] == after["chosen_nll"]  # the held-out completions are the chosen texts here
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    ("chat", "whole"),
    [
        (True, "<|user|>you are stupid<eos><|assistant|>you are wrong<eos>"),
        (False, "<bos>you are stupidyou are wrong<eos>"),
    ],
)
def test_only_the_completion_counts_and_it_ends_once(
    tiny_chat: Path, tiny_llama: Path, tmp_path: Path, chat: bool, whole: str
) -> None:
    with quiet():
        trainer = trainer_of("sft", tiny_chat if chat else tiny_llama, tmp_path, ROWS[:1])
    tokenizer = trainer.processing_class
    batch = batch_of(trainer)

    assert tokenizer.decode(batch["input_ids"][0]) == whole
    counted = batch["labels"][0][batch["labels"][0] != -100]
    assert tokenizer.decode(counted) == "you are wrong<eos>"


def test_the_prompt_counts_too_if_it_is_asked_to(tiny_llama: Path, tmp_path: Path) -> None:
    with quiet():
        trainer = trainer_of("sft", tiny_llama, tmp_path, ROWS[:1], completion_only_loss=False)
    batch = batch_of(trainer)
    assert batch["labels"].tolist() == batch["input_ids"].tolist()


def test_a_t5_reads_the_prompt_and_writes_the_completion(tiny_t5: Path, tmp_path: Path) -> None:
    with quiet():
        trainer = trainer_of(
            "sft", tiny_t5, tmp_path, [{"prompt": "stop </s>", "completion": "please stop"}, *ROWS[:1]]
        )
    batch = batch_of(trainer)
    tokenizer = trainer.processing_class

    read = batch["input_ids"][0][batch["attention_mask"][0].bool()].tolist()
    assert tokenizer.decode(read, skip_special_tokens=True).strip() == "stop"
    assert read.count(tokenizer.eos_token_id) == 1
    labels = [token for token in batch["labels"][0].tolist() if token != -100]
    assert tokenizer.decode(labels) == "please stop</s>"


def test_packed_examples_do_not_see_each_other(tiny_llama: Path, tmp_path: Path) -> None:
    """The loss of all examples in one row is that of each in a row of its own."""
    losses, lengths = [], []
    for packing in (False, True):
        with quiet():
            trainer = trainer_of("sft", tiny_llama, tmp_path, ROWS, packing=packing, max_length=256)
            disable_dropout(trainer.model)
            batch = batch_of(trainer)
            losses.append(float(trainer.compute_loss(trainer.model, batch).detach()))
            lengths.append(len(trainer.train_dataset))

    assert lengths == [len(ROWS), 1]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


def test_packing_trains_a_decoder_only_model_and_is_refused_for_a_t5(
    tiny_llama: Path, tiny_t5: Path, tmp_path: Path
) -> None:
    result, _ = run("sft", tiny_llama, tmp_path / "llama", packing=True)
    assert result.after["nll"]["value"] < result.before["nll"]["value"]
    with pytest.raises(
        RecipeError, match=r"^packing is for decoder-only models: an encoder-decoder reads one prompt at a time\.$"
    ):
        run("sft", tiny_t5, tmp_path / "t5", packing=True)


def test_dropout_of_the_model_stays_on(tiny_t5: Path, tmp_path: Path) -> None:
    """It is what keeps a model that sees the same few texts again and again from learning them by heart."""
    with quiet():
        trainer = trainer_of("sft", tiny_t5, tmp_path, ROWS)
    rates = {module.p for module in trainer.model.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.1}


def test_the_loss_of_a_t5_counts_each_token_of_a_step_once(tiny_t5: Path, tmp_path: Path) -> None:
    with quiet():
        trainer = trainer_of("sft", tiny_t5, tmp_path, ROWS)
    trainer.model.eval()
    rows = list(trainer.train_dataset)
    batches = [trainer.data_collator(part) for part in (rows[:1], rows[1:5], rows[5:])]
    tokens = sum((batch["labels"] != -100).sum() for batch in batches)
    parts = [trainer.compute_loss(trainer.model, batch, num_items_in_batch=tokens).item() for batch in batches]
    whole = trainer.compute_loss(trainer.model, trainer.data_collator(rows)).item()
    assert sum(parts) == pytest.approx(whole, abs=1e-5)
