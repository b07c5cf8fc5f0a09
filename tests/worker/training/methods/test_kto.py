"""KTO computes what its paper says, for encoder-decoders too, and every tensor learns."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from models.model_errors import RecipeError
from models.settings.command_line import KTOOptions
from tests.worker.conftest import RecordingProgress
from tests.worker.training.methods.conftest import HELD_OUT, PREFERENCES, data_of, options_of, run, trainer_of, unpaired
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.loading.rendering import render
from worker.training.methods import method_of
from worker.training.methods.kto import kto_rows
from worker.training.run.runner import train
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import DatasetError

ROWS = unpaired(PREFERENCES)


def batch_of(trainer: Any) -> dict[str, Any]:
    return trainer.data_collator(list(trainer.train_dataset))  # type: ignore[no-any-return]


@pytest.mark.parametrize("use_peft", [False, True], ids=["all-weights", "lora"])
def test_every_kind_of_model_learns_and_is_scored_while_it_does(
    each_model: Path, tmp_path: Path, use_peft: bool
) -> None:
    settings = {"max_steps": 12, "per_device_train_batch_size": 7, "early_stopping_patience": 9}
    _, progress = run("kto", each_model, tmp_path, use_peft=use_peft, **settings)

    assert progress.reports[0][1]["loss"] == pytest.approx(0.5, abs=1e-6)  # 1 - sigmoid(0)
    margins = [values["rewards/margins"] for _, values in progress.reports if "rewards/margins" in values]
    assert margins[-1] > 0.01
    assert any("eval_rewards/margins" in values for _, values in progress.reports)


@pytest.mark.parametrize("model", ["t5", "llama"])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (2.0, 0.5)])
def test_the_loss_is_equation_8_worked_by_hand(
    model: str, weights: tuple[float, float], tiny_t5: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    """Policy and reference are two different models, so that no term vanishes."""
    source = {"t5": tiny_t5, "llama": tiny_llama}[model]
    beta, (desirable, undesirable) = 0.5, weights
    with quiet():
        trainer = trainer_of(
            "kto", source, tmp_path, ROWS[:6], beta=beta, desirable_weight=desirable, undesirable_weight=undesirable
        )
        torch.manual_seed(3)
        with torch.no_grad():
            for weight in trainer.model.parameters():
                weight.add_(torch.randn_like(weight) * 0.02)
        loss = float(trainer.compute_loss(trainer.model.train(), batch_of(trainer)).detach())

    policy, reference = (load_model_and_tokenizer(source).model for _ in range(2))
    policy.load_state_dict(trainer.model.state_dict())

    def log_p(network: Any, prompt: list[int], completion: list[int]) -> float:
        with torch.no_grad():
            if model == "t5":
                logits = network(input_ids=torch.tensor([prompt]), labels=torch.tensor([completion])).logits[0]
            else:
                logits = network(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        return float(logits.log_softmax(-1)[range(len(completion)), completion].sum())

    def reward(row: dict[str, Any], completion: str) -> float:
        prompt, ids = row["prompt_ids"], row[completion]
        return log_p(policy, prompt, ids) - log_p(reference, prompt, ids)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    rows = list(trainer.train_dataset)
    z = max(0.0, sum(reward(row, "KL_completion_ids") for row in rows) / len(rows))
    by_hand = [
        desirable * (1 - sigmoid(beta * (reward(row, "completion_ids") - z)))
        if row["label"]
        else undesirable * (1 - sigmoid(beta * (z - reward(row, "completion_ids"))))
        for row in rows
    ]
    assert {row["label"] for row in rows} == {True, False}
    assert abs(sum(by_hand) / len(by_hand) - 0.5 * (desirable + undesirable) / 2) > 1e-3  # the two models do differ
    assert loss == pytest.approx(sum(by_hand) / len(by_hand), abs=1e-5)


def test_prompts_completions_and_labels_arrive_as_they_are(tiny_chat: Path, tmp_path: Path) -> None:
    with quiet():
        trainer = trainer_of("kto", tiny_chat, tmp_path, ROWS)
    tokenizer = trainer.processing_class

    arrived = Counter(
        (tokenizer.decode(row["prompt_ids"]), tokenizer.decode(row["completion_ids"]), row["label"])
        for row in trainer.train_dataset
    )
    assert arrived == Counter(
        (f"<|user|>{row['prompt']}<eos><|assistant|>", f"{row['completion']}<eos>", row["label"]) for row in ROWS
    )


@pytest.mark.parametrize("count", [4, 6, 7])
def test_each_prompt_of_a_batch_gets_its_neighbours_completion(tiny_t5: Path, count: int) -> None:
    """In batches of three the completions move on by one, in a circle; a row left alone takes the one before."""
    loaded = load_model_and_tokenizer(tiny_t5)
    rows = kto_rows(render(unpaired(PREFERENCES + HELD_OUT)[:count], loaded), loaded, batch_size=3)

    own = [row["completion_ids"] for row in rows]
    order = {4: [2, 0, 1, 2], 6: [2, 0, 1, 5, 3, 4], 7: [2, 0, 1, 5, 3, 4, 5]}[count]
    assert [row["KL_completion_ids"] for row in rows] == [own[place] for place in order]


def test_a_batch_of_a_t5_holds_each_prompt_and_both_completions(tiny_t5: Path, tmp_path: Path) -> None:
    with quiet():
        trainer = trainer_of("kto", tiny_t5, tmp_path, ROWS[:3])
    batch, rows = batch_of(trainer), list(trainer.train_dataset)

    for place, row in enumerate(rows):
        assert (
            batch["prompt_input_ids"][place][batch["prompt_attention_mask"][place].bool()].tolist() == row["prompt_ids"]
        )
        for prefix in ("", "KL_"):
            scored = batch[f"{prefix}input_ids"][place][batch[f"{prefix}completion_mask"][place].bool()]
            assert scored.tolist() == row[f"{prefix}completion_ids"]
            assert batch[f"{prefix}input_ids"][place][0] == 0  # the decoder's start token
    assert batch["label"].tolist() == [row["label"] for row in rows]


def test_apo_zero_needs_no_mismatched_texts(tiny_t5: Path, tmp_path: Path) -> None:
    result, _ = run("kto", tiny_t5, tmp_path, loss_type="apo_zero_unpaired", per_device_train_batch_size=1)
    assert result.steps == 4


def test_too_little_to_compare_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"^per_device_train_batch_size must be at least 2: KTO compares the rows of a batch\.$"
    ):
        KTOOptions(per_device_train_batch_size=1)
    data = data_of("completion", PREFERENCES[:1])
    one = [{**data.train[0], "label": True}]
    with pytest.raises(DatasetError, match=r"^KTO compares each row with others: there must be two at least\.$"):
        train(
            method_of("kto"), str(tiny_t5), type(data)(one, [], [], "0", {}), options_of("kto"), tmp_path / "run",
            RecordingProgress(),
        )  # fmt: skip
