"""Parts of a batch are computed at the same time, and give what the whole batch gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import T5Config

from models.settings.clicks import DPOClickOptions
from tests.worker.conftest import RecordingProgress
from tests.worker.training.t5.test_dpo_speed import build, loss_and_gradients
from worker.training.clicks.click_dpo import train_dpo
from worker.training.shared.checkpoint import load_model
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.lora import linear_layers
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5 import seq2seq_head
from worker.training.t5.parallel import threads
from worker.training.t5.parallel.batch_parts import Batch, shared_out
from worker.training.t5.parallel.side_by_side import Part, side_by_side
from worker.training.t5.seq2seq_dpo import disable_dropout
from worker.training.t5.seq2seq_head import add_seq2seq_head, head_of

BATCH = Batch(
    prompts=torch.tensor([[5, 6, 7, 8, 1], [9, 10, 1, 0, 0], [11, 12, 1, 0, 0]]),
    prompt_mask=torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]),
    prompt_of_row=torch.tensor([0, 1, 2, 1, 0]),
    inputs=torch.tensor([[0, 11, 12, 13], [0, 14, 0, 0], [0, 15, 16, 0], [0, 0, 0, 0], [0, 17, 0, 0]]),
    scored=torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]]).bool(),
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture
def two_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


@pytest.fixture
def split(two_threads: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Whatever there is to compute is worth two parts; and how many were computed at once so far."""
    seen: list[int] = []

    def watched(parts: Sequence[Part], weights: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
        seen.append(len(parts))
        return side_by_side(parts, weights)

    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setattr(seq2seq_head, "side_by_side", watched)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads, "WORTH_SHARING_ADAPTED", 0)
    return seen


def scored_tokens(batch: Batch) -> list[tuple[list[int], int]]:
    """The prompt of each scored token, and what the decoder reads there."""
    rows, columns = batch.scored.nonzero(as_tuple=True)
    prompts = [batch.prompts[row][batch.prompt_mask[row].bool()].tolist() for row in batch.prompt_of_row[rows]]
    return list(zip(prompts, batch.inputs[rows, columns].tolist(), strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_the_parts_have_every_scored_token_once_and_beside_its_prompt(count: int) -> None:
    parts = shared_out(BATCH, count)
    assert len(parts) == min(count, len(BATCH.prompts))
    assert sorted(torch.cat([places for _, places in parts]).tolist()) == list(range(int(BATCH.scored.sum())))
    whole = scored_tokens(BATCH)
    for part, places in parts:
        assert scored_tokens(part) == [whole[place] for place in places]


def test_parts_cost_about_the_same_and_have_no_needless_padding() -> None:
    (heavy, _), (light, _) = shared_out(BATCH, 2)
    assert heavy.prompts.tolist() == [[5, 6, 7, 8, 1]]
    assert heavy.inputs.shape == (2, 4)
    assert light.prompts.tolist() == [[9, 10, 1], [11, 12, 1]]
    assert light.prompt_of_row.tolist() == [0, 1, 0]
    assert light.inputs.tolist() == [[0, 14, 0], [0, 15, 16], [0, 0, 0]]


def test_one_prompt_is_one_part() -> None:
    alone = Batch(
        BATCH.prompts[:1], BATCH.prompt_mask[:1], torch.zeros(2).long(), BATCH.inputs[[0, 4]], BATCH.scored[[0, 4]]
    )
    ((part, places),) = shared_out(alone, 2)
    assert all(torch.equal(one, other) for one, other in zip(part, alone, strict=True))
    assert places.tolist() == list(range(6))


class Meeting(torch.autograd.Function):
    """Twice its input, once another thread is there as well: on the way forward and on the way back."""

    @staticmethod
    def forward(context: Any, values: Tensor, barrier: threading.Barrier) -> Tensor:
        context.barrier = barrier
        barrier.wait(timeout=30)
        return values * 2

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        context.barrier.wait(timeout=30)
        return gradients[0] * 2, None


def test_parts_are_computed_at_the_same_time_forward_and_backward() -> None:
    barrier, weight = threading.Barrier(2), torch.ones(3, requires_grad=True)

    def part(factor: float) -> tuple[Tensor]:
        met: Tensor = Meeting.apply(weight * factor, barrier)  # type: ignore[no-untyped-call]
        return (met.sum(),)

    (first,), (second,) = side_by_side([partial(part, 1.0), partial(part, 10.0)], [weight])
    total = first + 3 * second
    assert float(total.detach()) == 6 + 3 * 60
    total.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert weight.grad.tolist() == [62, 62, 62]


def test_weights_that_one_part_or_none_uses_get_its_gradient_or_none() -> None:
    one, other, unused = (torch.ones(2, requires_grad=True) for _ in range(3))
    parts = [lambda: (one.sum(), torch.tensor(5)), lambda: (other.sum() * 2, torch.tensor(6))]
    (first, five), (second, six) = side_by_side(parts, [one, other, unused])
    assert (int(five), int(six), five.requires_grad) == (5, 6, False)
    (first + second).backward()  # type: ignore[no-untyped-call]
    assert [None if weight.grad is None else weight.grad.tolist() for weight in (one, other, unused)] == [
        [1, 1],
        [2, 2],
        None,
    ]


def test_each_part_has_the_callers_modes_and_a_share_of_its_threads(two_threads: None) -> None:
    seen = []

    def part() -> tuple[Tensor]:
        seen.append((torch.is_grad_enabled(), torch.get_num_threads(), torch.is_autocast_enabled("cpu")))
        return (weight @ weight,)

    weight = torch.ones(2, 2, requires_grad=True)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = side_by_side([part, part], [weight])
    assert seen == [(False, 1, True)] * 2
    assert [output.dtype for (output,) in found] == [torch.bfloat16] * 2
    assert not any(output.requires_grad for (output,) in found)
    side_by_side([part, part], [weight])
    assert seen[2:] == [(True, 1, False)] * 2
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("broken", [0, 1])
def test_the_error_of_a_part_is_the_callers(two_threads: None, broken: int) -> None:
    def part(number: int) -> tuple[Tensor]:
        if number == broken:
            raise MemoryError("no room")
        return (torch.zeros(1),)

    with pytest.raises(MemoryError, match="no room"):
        side_by_side([lambda: part(0), lambda: part(1)], [torch.ones(1, requires_grad=True)])
    assert torch.get_num_threads() == 2


class Broken(torch.autograd.Function):
    """Its input, and an error on the way back."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        raise MemoryError("no room")


def test_an_error_on_the_way_back_is_the_callers_too(two_threads: None) -> None:
    weight = torch.ones(1, requires_grad=True)

    def part() -> tuple[Tensor]:
        values: Tensor = Broken.apply(weight)  # type: ignore[no-untyped-call]
        return (values,)

    (first,), (second,) = side_by_side([lambda: (weight * 2,), part], [weight])
    with pytest.raises(MemoryError, match="no room"):
        (first + second).backward()  # type: ignore[no-untyped-call]
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
def test_a_step_of_dpo_in_parts_has_the_loss_gradients_and_figures_of_one_in_a_piece(
    each_t5: Path, tmp_path: Path, split: list[int], monkeypatch: pytest.MonkeyPatch, lora: bool, bf16: bool
) -> None:
    trainer = build(each_t5, tmp_path, lora=lora)

    def step() -> tuple[float, dict[str, Tensor], dict[str, float]]:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss, gradients = loss_and_gradients(trainer)
        figures = {name: values.pop() for name, values in trainer._metrics["train"].items() if name != "num_tokens"}
        return loss, gradients, figures

    in_parts, again = step(), step()
    assert set(split) == {2}
    monkeypatch.setattr(threads, "PARTS", 1)
    whole = step()

    assert in_parts[0] == again[0]
    assert all(torch.equal(in_parts[1][name], again[1][name]) for name in again[1])
    assert in_parts[0] == pytest.approx(whole[0], abs=5e-3 if bf16 else 1e-5)
    assert in_parts[1].keys() == whole[1].keys()
    for name, gradient in whole[1].items():
        limit = (0.05 if bf16 else 1e-4) * float(gradient.abs().max()) + 1e-6
        assert torch.allclose(in_parts[1][name], gradient, rtol=0, atol=limit), name
    assert in_parts[2] == pytest.approx(whole[2], rel=0.05 if bf16 else 1e-3, abs=1e-2 if bf16 else 1e-5)


def test_an_adapter_that_came_after_the_head_is_trained_in_parts_too(tiny_t5: Path, split: list[int]) -> None:
    model: Any = load_model(tiny_t5)
    disable_dropout(model)
    add_seq2seq_head(model)
    adapted: Any = get_peft_model(model, LoraConfig(task_type="SEQ_2_SEQ_LM", target_modules=linear_layers(model)))
    labels = torch.where(BATCH.scored, BATCH.inputs, -100)
    found = head_of(adapted).score(
        {
            "input_ids": BATCH.inputs,
            "labels": labels,
            "prompt_input_ids": BATCH.prompts,
            "prompt_attention_mask": BATCH.prompt_mask,
            "distinct_rows": torch.arange(5),
            "prompt_of_row": BATCH.prompt_of_row,
            "row_of_pair": torch.arange(5),
        }
    )
    assert split == [2]
    found["log_probs"].sum().backward()
    moved = {name for name, weight in adapted.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert moved
    assert all("lora_B" in name for name in moved)  # the first matrices learn once these are no longer zero


def test_what_is_worth_sharing(two_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    enough = threads.WORTH_SHARING // 512
    assert threads.parts_at_once(enough, 512, adapter=False) == 2
    assert threads.parts_at_once(enough - 1, 512, adapter=False) == 1
    adapted = threads.WORTH_SHARING_ADAPTED // 512
    assert threads.parts_at_once(adapted, 512, adapter=True) == 2
    assert threads.parts_at_once(adapted - 1, 512, adapter=True) == 1
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert threads.parts_at_once(enough, 512, adapter=False) == 1
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    torch.set_num_threads(1)
    assert threads.parts_at_once(enough, 512, adapter=False) == 1


def test_a_narrow_model_has_one_thread_and_may_still_be_computed_in_parts(
    two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with threads.threads_worth_waking(T5Config(d_model=threads.NARROW)):
        assert torch.get_num_threads() == 1
        assert threads.parts_at_once(threads.WORTH_SHARING, 1, adapter=False) == 2


def test_a_run_in_parts_gives_the_same_weights_again(
    tiny_t5: Path, examples: list[PreferenceExample], tmp_path: Path, split: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("one", "other"):
        recipe = DPOClickOptions(num_train_epochs=2, use_peft=False)
        train_dpo(tiny_t5, examples, recipe, tmp_path / name, RecordingProgress())
    assert set(split) == {2}
    one, other = (load_model(tmp_path / name).state_dict() for name in ("one", "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)
