"""Anchors that are scored beside a batch add their gradient to its own, and change nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.worker.training.t5.test_dpo_speed import build, loss_and_gradients
from worker.training.clicks.anchors import ANCHORS_PER_STEP, beside_next_batch, divergence_from_parent, read_anchors
from worker.training.shared.checkpoint import load_model, load_tokenizer
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5 import seq2seq_head
from worker.training.t5.packed_scores import with_gradient_of
from worker.training.t5.seq2seq_head import on_two_cores

WEIGHT = 7.0


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def one_after_the_other(trainer: Any, anchors: Any) -> tuple[float, float, dict[str, Tensor]]:
    """Loss, divergence, and the sum of their gradients, from a pass for each."""
    loss, gradients = loss_and_gradients(trainer)
    trainer.model.zero_grad()
    divergence = divergence_from_parent(trainer.model, anchors)
    (WEIGHT * divergence).backward()  # type: ignore[no-untyped-call]
    for name, weight in trainer.model.named_parameters():
        if weight.grad is not None:
            gradients[name] = gradients.get(name, torch.zeros_like(weight)) + weight.grad
    return loss, float(divergence.detach()), gradients


@pytest.mark.parametrize("way", ["whole", "threads", "processes"])
@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
def test_a_batch_with_anchors_beside_it_has_its_own_loss_and_both_gradients(
    tiny_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: bool, way: str
) -> None:
    anchors = read_anchors(load_model(tiny_t5), load_tokenizer(tiny_t5))[:ANCHORS_PER_STEP]
    trainer = build(tiny_t5, tmp_path, lora=lora)
    monkeypatch.setattr(seq2seq_head, "parts_at_once", lambda *_, **__: 1)
    loss, divergence, gradients = one_after_the_other(trainer, anchors)

    monkeypatch.setattr(seq2seq_head, "parts_at_once", lambda *_, **__: 2 if way == "threads" else 1)
    monkeypatch.setattr(seq2seq_head, "a_core_is_free", lambda: way == "processes")
    monkeypatch.setattr(seq2seq_head, "WORTH_A_PROCESS", 0)
    with on_two_cores(trainer.model):
        beside = beside_next_batch(trainer.model, anchors, WEIGHT)
        found, both = loss_and_gradients(trainer)
        again, own = loss_and_gradients(trainer)  # the anchors were scored once

    assert beside is not None
    assert beside.divergence is not None
    assert float(beside.divergence) == pytest.approx(divergence, rel=1e-4)
    assert [found, again] == pytest.approx([loss, loss], abs=1e-5)
    assert both.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(both[name], gradient, rtol=0, atol=1e-4 * float(gradient.abs().max()) + 1e-6), name
    assert any(not torch.allclose(both[name], own[name], atol=1e-3) for name in both)


@pytest.mark.parametrize("way", ["threads", "processes"])
def test_a_single_prompt_beside_anchors_has_its_statistics(
    tiny_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """One part has anchors alone then, without any token to have statistics of."""
    trainer = build(tiny_t5, tmp_path, lora=False)
    trainer.state.logging_steps = 1
    trainer.train_dataset = trainer.train_dataset.select([0])
    monkeypatch.setattr(seq2seq_head, "parts_at_once", lambda *_, **__: 1)
    loss, _ = loss_and_gradients(trainer)
    monkeypatch.setattr(seq2seq_head, "parts_at_once", lambda *_, **__: 2)
    monkeypatch.setattr(seq2seq_head, "a_core_is_free", lambda: way == "processes")
    monkeypatch.setattr(seq2seq_head, "WORTH_A_PROCESS", 0)
    with on_two_cores(trainer.model):
        anchors = read_anchors(load_model(tiny_t5), load_tokenizer(tiny_t5))[:ANCHORS_PER_STEP]
        assert beside_next_batch(trainer.model, anchors, WEIGHT) is not None
        assert loss_and_gradients(trainer)[0] == pytest.approx(loss, abs=1e-5)
    alone, beside = trainer._metrics["train"]["entropy"]
    assert beside == pytest.approx(alone, rel=1e-4)


def test_anchors_wait_for_a_batch_whose_gradient_is_computed(tiny_t5: Path, tmp_path: Path) -> None:
    trainer = build(tiny_t5, tmp_path, lora=True)
    anchors = read_anchors(load_model(tiny_t5), load_tokenizer(tiny_t5))[:ANCHORS_PER_STEP]
    beside = beside_next_batch(trainer.model, anchors, WEIGHT)
    assert beside is not None
    with torch.no_grad():
        trainer.compute_loss(trainer.model, trainer.data_collator(list(trainer.train_dataset)))
    assert beside.divergence is None
    loss_and_gradients(trainer)
    assert beside.divergence is not None


def test_a_model_that_is_not_packed_scores_no_anchors_beside_a_batch(tiny_t5: Path, tmp_path: Path) -> None:
    trainer = build(tiny_t5, tmp_path, lora=False)
    trainer.model.encoder.gradient_checkpointing = True
    assert beside_next_batch(trainer.model, [], WEIGHT) is None


def test_the_gradient_of_a_penalty_is_added_whatever_the_loss_is() -> None:
    values, penalty = torch.ones(2, requires_grad=True), torch.ones((), requires_grad=True)
    (5 * with_gradient_of(values, 3 * penalty).sum()).backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert penalty.grad is not None
    assert (values.grad.tolist(), float(penalty.grad)) == ([5, 5], 3)
