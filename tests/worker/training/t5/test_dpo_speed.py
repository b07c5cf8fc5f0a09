"""What makes a step of DPO cheap changes neither loss nor gradient: each lever against the naive computation."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from torch import Tensor
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.utils import FusedCausalLMOutput

from models.settings.losses import LOSS_TYPES, SMOOTHED
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.lora import linear_layers
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5.seq2seq_dpo import VOCABULARY_METRICS, Seq2SeqDPOTrainer
from worker.training.t5.seq2seq_head import head_of

PROMPTS = ("you are stupid", "damn , this movie is trash !", "stop", "what a naïve idiot")
CLICKS = [
    # One card chosen over two.
    PreferenceExample(PROMPTS[0], "you are wrong", "you are a moron"),
    PreferenceExample(PROMPTS[0], "you are wrong", "you are trash , you damn moron"),
    # A tie: two cards, each over the third.
    PreferenceExample(PROMPTS[1], "this movie is not good", "this movie is trash"),
    PreferenceExample(PROMPTS[1], "this movie is poor", "this movie is trash"),
    # An edited text over all three cards.
    PreferenceExample(PROMPTS[2], "please stop it now", "stop"),
    PreferenceExample(PROMPTS[2], "please stop it now", "stop it"),
    PreferenceExample(PROMPTS[2], "please stop it now", "stop it you idiot"),
    # Shares nothing, and needs byte fallback.
    PreferenceExample(PROMPTS[3], "i disagree with that person", "naïve"),
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def build(folder: Path, tmp_path: Path, *, lora: bool, **settings: Any) -> Any:
    """A trainer on `CLICKS` whose policy has left its reference, so that no term of a loss vanishes."""
    arguments: dict[str, Any] = {"per_device_train_batch_size": len(CLICKS), "beta": 0.5, **settings}
    args = DPOConfig(
        output_dir=str(tmp_path / "trainer"),
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **arguments,
    )
    trainer: Any = Seq2SeqDPOTrainer(
        load_model(folder),
        None if lora else load_model(folder),
        args=args,
        processing_class=load_tokenizer(folder),
        max_prompt_length=64,
        max_completion_length=64,
        train_dataset=Dataset.from_list([vars(click) for click in CLICKS]),
        peft_config=LoraConfig(task_type="SEQ_2_SEQ_LM", r=4, target_modules=linear_layers(load_model(folder)))
        if lora
        else None,
    )
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.05)
    return trainer


def batch_of(trainer: Any) -> dict[str, Tensor]:
    return trainer.data_collator(list(trainer.train_dataset))  # type: ignore[no-any-return]


def score_naively(head: Any, batch: dict[str, Tensor]) -> FusedCausalLMOutput:
    """Each of the 2N texts by itself, through the model's own forward: nothing shared, padded, packed or fused."""
    labels = batch["labels"][:, 1:]
    by_row = []
    for row, ids in enumerate(labels):
        prompt_row = int(batch["prompt_of_row"][batch["row_of_pair"][row]])
        prompt = batch["prompt_input_ids"][prompt_row][batch["prompt_attention_mask"][prompt_row].bool()]
        text = ids[ids != -100]
        logits = head.original_forward(input_ids=prompt[None], labels=text[None]).logits[0]
        log_p = logits.log_softmax(-1)[range(len(text)), text]
        by_row.append(torch.cat([log_p, log_p.new_zeros(len(ids) - len(text))]))
    log_probs = torch.stack(by_row)
    zeros = torch.zeros_like(log_probs)
    return FusedCausalLMOutput(
        log_probs=log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool(), label_mask=labels != -100
    )


def loss_and_gradients(trainer: Any) -> tuple[float, dict[str, Tensor]]:
    trainer.model.train()
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, batch_of(trainer))
    loss.backward()
    return float(loss.detach()), {
        name: weight.grad.clone() for name, weight in trainer.model.named_parameters() if weight.grad is not None
    }


def smoothing(loss_type: str) -> dict[str, float]:
    return {"label_smoothing": 0.1} if loss_type in SMOOTHED else {}


@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_every_loss_and_its_gradients_are_those_of_texts_scored_one_by_one(
    tiny_t5: Path, tmp_path: Path, loss_type: str, lora: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_against_naive(build(tiny_t5, tmp_path, lora=lora, loss_type=[loss_type], **smoothing(loss_type)), monkeypatch)


@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
@pytest.mark.parametrize("loss_type", ["sigmoid", "bco_pair", "sft"])
def test_so_they_are_with_a_gated_model_that_has_a_head_of_its_own(
    tiny_t5_v1_1: Path, tmp_path: Path, loss_type: str, lora: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_against_naive(build(tiny_t5_v1_1, tmp_path, lora=lora, loss_type=[loss_type]), monkeypatch)


def check_against_naive(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare a trainer's loss and gradients with those of texts scored one by one."""
    loss, gradients = loss_and_gradients(trainer)

    for network in filter(None, (trainer.model, trainer.ref_model)):
        head = head_of(network)
        monkeypatch.setattr(head, "score", lambda batch, head=head: score_naively(head, batch))
    naive_loss, naive_gradients = loss_and_gradients(trainer)

    assert loss == pytest.approx(naive_loss, abs=1e-5, rel=1e-5)
    assert gradients.keys() == naive_gradients.keys()
    largest = max(float(gradient.abs().max()) for gradient in naive_gradients.values())
    assert largest > 1e-3
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, naive_gradients[name], rtol=1e-3, atol=1e-5 * max(1, largest)), name


@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
def test_accumulated_batches_move_the_weights_as_one_batch_does(tiny_t5: Path, tmp_path: Path, lora: bool) -> None:
    moved = []
    for batch, accumulated in ((8, 1), (2, 4)):
        trainer = build(
            tiny_t5,
            tmp_path / str(batch),
            lora=lora,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulated,
            max_steps=1,
            optim="sgd",
            learning_rate=0.1,
        )
        trainer.train()
        moved.append({name: weight.detach().clone() for name, weight in trainer.model.named_parameters()})

    for name, weight in moved[0].items():
        assert torch.allclose(weight, moved[1][name], atol=1e-6), name


def test_metrics_over_the_vocabulary_are_of_the_logged_step_alone(tiny_t5: Path, tmp_path: Path) -> None:
    """Three steps of which the third is logged: its figure, and not the mean with what was not computed."""
    every = build(tiny_t5, tmp_path / "every", lora=True, max_steps=3, logging_steps=1)
    third = build(tiny_t5, tmp_path / "third", lora=True, max_steps=3, logging_steps=3)
    for trainer in (every, third):
        trainer.train()

    each, once = ([row for row in trainer.state.log_history if "rewards/margins" in row] for trainer in (every, third))
    assert (len(each), len(once)) == (3, 1)
    for name in VOCABULARY_METRICS:
        assert once[0][name] == pytest.approx(each[2][name], rel=1e-4)
    assert once[0]["rewards/margins"] == pytest.approx(sum(row["rewards/margins"] for row in each) / 3, rel=1e-3)
    assert once[0]["entropy"] > 1


def test_metrics_over_the_vocabulary_are_right_when_they_are_computed(tiny_t5: Path, tmp_path: Path) -> None:
    """Of every text of a pair, as TRL counts them: a text that two pairs share counts twice."""
    trainer = build(tiny_t5, tmp_path, lora=False)
    trainer.state.logging_steps = 1
    trainer.model.train()
    trainer.compute_loss(trainer.model, batch_of(trainer))

    entropies, top1 = [], []
    for part in ("chosen_ids", "rejected_ids"):
        for row in trainer.train_dataset:
            with torch.no_grad():
                logits = trainer.model(
                    input_ids=torch.tensor([row["prompt_ids"]]), labels=torch.tensor([row[part]])
                ).logits[0]
            entropies += (-logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).tolist()
            if part == "chosen_ids":
                top1 += (logits.argmax(-1) == torch.tensor(row[part])).tolist()
    seen = trainer._metrics["train"]
    assert seen["entropy"] == [pytest.approx(sum(entropies) / len(entropies), rel=1e-4)]
    assert seen["mean_token_accuracy"] == [pytest.approx(sum(top1) / len(top1))]


def test_without_metrics_over_the_vocabulary_the_loss_is_the_same(tiny_t5: Path, tmp_path: Path) -> None:
    trainer = build(tiny_t5, tmp_path, lora=True)
    loss, _ = loss_and_gradients(trainer)
    trainer._metrics["train"].clear()
    trainer.vocabulary_metrics = False

    assert loss_and_gradients(trainer)[0] == loss
    assert not set(VOCABULARY_METRICS) & set(trainer._metrics["train"])


def test_bfloat16_is_near(tiny_t5: Path, tmp_path: Path) -> None:
    """It is an option because it is not the same: 8 significant bits of each product, against 24."""
    exact, _ = loss_and_gradients(build(tiny_t5, tmp_path / "float32", lora=True))
    trainer = build(tiny_t5, tmp_path / "bfloat16", lora=True)
    trainer.model.train()

    with torch.autocast("cpu", torch.bfloat16):
        loss = trainer.compute_loss(trainer.model, batch_of(trainer))
    loss.backward()

    assert float(loss.detach()) == pytest.approx(exact, abs=0.02)
    assert float(loss.detach()) != exact
    assert all(
        math.isfinite(float(weight.grad.sum())) and weight.grad.dtype == torch.float32
        for weight in trainer.model.parameters()
        if weight.requires_grad
    )
