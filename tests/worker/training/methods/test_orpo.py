"""ORPO computes what its paper says, for encoder-decoders too, and every tensor learns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.worker.training.methods.conftest import PREFERENCES, run, trainer_of
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.shared.quiet_libraries import quiet


def batch_of(trainer: Any) -> dict[str, Any]:
    return trainer.data_collator(list(trainer.train_dataset))  # type: ignore[no-any-return]


@pytest.mark.parametrize("use_peft", [False, True], ids=["all-weights", "lora"])
def test_every_kind_of_model_learns_and_is_scored_while_it_does(
    each_model: Path, tmp_path: Path, use_peft: bool
) -> None:
    result, progress = run("orpo", each_model, tmp_path, use_peft=use_peft, early_stopping_patience=3)

    losses = [values["eval_loss"] for _, values in progress.reports if "eval_loss" in values]
    assert losses[-1] < losses[0]
    assert result.after["chosen_nll"]["value"] < result.before["chosen_nll"]["value"]
    assert not (tmp_path / "README.md").exists()


def test_the_loss_is_that_of_the_paper_worked_by_hand(tiny_t5: Path, tmp_path: Path) -> None:
    """Two pairs of unequal lengths, each text alone through the plain model: Hong et al. 2024, eq. 3 to 7."""
    beta = 0.3
    with quiet():
        trainer = trainer_of("orpo", tiny_t5, tmp_path, PREFERENCES[:2], beta=beta)
        trainer.model.train()
        loss, metrics = trainer.get_batch_loss_metrics(trainer.model, batch_of(trainer))

    plain: Any = load_model_and_tokenizer(tiny_t5).model

    def token_log_probs(prompt: list[int], completion: list[int]) -> list[float]:
        with torch.no_grad():
            logits = plain(input_ids=torch.tensor([prompt]), labels=torch.tensor([completion])).logits[0]
        return [float(row[token]) for row, token in zip(logits.log_softmax(-1), completion, strict=True)]

    likelihoods: list[float] = []
    log_odds_ratios = []
    for row in trainer.train_dataset:
        log_odds = {}
        for name in ("chosen", "rejected"):
            by_token = token_log_probs(row["prompt_input_ids"], row[f"{name}_labels"])
            p = math.exp(sum(by_token) / len(by_token))  # eq. 3: the geometric mean of the tokens' probabilities
            log_odds[name] = math.log(p / (1 - p))  # eq. 4
            if name == "chosen":
                likelihoods += by_token
        log_odds_ratios.append(log_odds["chosen"] - log_odds["rejected"])  # eq. 5
    ratio_loss = sum(math.log(1 + math.exp(-ratio)) for ratio in log_odds_ratios) / 2  # eq. 7
    nll = -sum(likelihoods) / len(likelihoods)

    assert metrics["log_odds_chosen"] == pytest.approx(sum(log_odds_ratios) / 2, abs=1e-5)
    assert metrics["nll_loss"] == pytest.approx(nll, abs=1e-5)
    assert float(loss.detach()) == pytest.approx(nll + beta * ratio_loss, abs=1e-5)  # eq. 6


def test_texts_of_a_t5_end_with_exactly_one_eos(tiny_t5: Path, tmp_path: Path) -> None:
    spelled_out = [{"prompt": "stop </s> it", "chosen": "please </s>", "rejected": "no"}]
    with quiet():
        (row,) = trainer_of("orpo", tiny_t5, tmp_path, spelled_out).train_dataset

    for name in ("prompt_input_ids", "chosen_labels", "rejected_labels"):
        assert row[name].count(1) == 1
        assert row[name][-1] == 1


def test_a_decoder_only_model_scores_the_completion_and_ends_it_once(tiny_chat: Path, tmp_path: Path) -> None:
    with quiet():
        trainer = trainer_of("orpo", tiny_chat, tmp_path, PREFERENCES[:1])
    tokenizer = trainer.processing_class
    (row,) = trainer.train_dataset

    assert tokenizer.decode(row["chosen_input_ids"]) == "<|user|>you are stupid<eos><|assistant|>you are wrong<eos>"
    scored = [token for token in row["chosen_labels"] if token != -100]
    assert tokenizer.decode(scored) == "you are wrong<eos>"
