"""A second process computes a part of each batch, and what comes out is what one process gives."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor

from models.settings.clicks import DPOClickOptions
from tests.worker.conftest import RecordingProgress
from tests.worker.training.t5.test_dpo_speed import build, loss_and_gradients
from worker.training.clicks.click_dpo import train_dpo
from worker.training.shared.checkpoint import load_model
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import ProcessesLost
from worker.training.t5 import seq2seq_head
from worker.training.t5.parallel.second_process import SecondProcess, second_process
from worker.training.t5.seq2seq_head import head_of, on_two_cores


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Whatever there is to compute is worth a process; and in which process each forward pass was begun so far."""
    seen: list[int] = []
    side_by_side = SecondProcess.side_by_side

    def watched(self: SecondProcess, here: object, there: object) -> object:
        seen.append(os.getpid())
        return side_by_side(self, here, there)  # type: ignore[arg-type]

    monkeypatch.setattr(SecondProcess, "side_by_side", watched)
    monkeypatch.setattr(seq2seq_head, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(seq2seq_head, "a_core_is_free", lambda: True)
    return seen


def scaled(weight: Tensor, unused: Tensor, factor: float) -> tuple[Tensor, ...]:
    """A value with a gradient for one of two weights, and the process that computed it."""
    if factor < 0:
        raise MemoryError("no room")
    return weight.square().sum() * factor, torch.tensor(os.getpid())


def test_a_part_is_computed_in_another_process_from_the_weights_as_they_are_now() -> None:
    weight, unused = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
    with second_process(lambda factor: scaled(weight, unused, factor), [weight, unused]) as second:
        for value in (1.0, 2.0):
            weight.grad = None
            with torch.no_grad():
                weight.fill_(value)
            (here, at_home), (there, elsewhere) = second.side_by_side((1.0,), (10.0,))
            (here + 2 * there).backward()  # type: ignore[no-untyped-call]
            assert (float(here.detach()), float(there.detach())) == (3 * value**2, 30 * value**2)
            assert weight.grad is not None
            assert weight.grad.tolist() == [2 * value + 40 * value] * 3
            assert unused.grad is None
        assert int(at_home) == os.getpid() != int(elsewhere)
        assert psutil.pid_exists(int(elsewhere))
    assert not psutil.pid_exists(int(elsewhere))


def test_passes_that_are_differentiated_together_keep_their_own_values() -> None:
    weight = torch.ones(1, requires_grad=True)
    with second_process(lambda factor: scaled(weight, weight, factor), [weight]) as second:
        sums = [sum(value for value, _ in second.side_by_side((one,), (one,))) for one in (1.0, 5.0)]
        (sums[0] + sums[1]).backward()  # type: ignore[union-attr]
        assert weight.grad is not None
        assert weight.grad.tolist() == [24]


def test_an_error_there_is_raised_here_and_the_next_pass_works() -> None:
    weight = torch.ones(1, requires_grad=True)
    with second_process(lambda factor: scaled(weight, weight, factor), [weight]) as second:
        with pytest.raises(MemoryError, match="no room"):
            second.side_by_side((1.0,), (-1.0,))
        (here, _), (there, _) = second.side_by_side((1.0,), (1.0,))
        assert float(here.detach()) == float(there.detach()) == 1


def test_a_process_that_was_killed_is_an_error_of_the_run_and_not_a_wait_for_ever() -> None:
    weight = torch.ones(1, requires_grad=True)
    with second_process(lambda factor: scaled(weight, weight, factor), [weight]) as second:
        _, (_, pid) = second.side_by_side((1.0,), (1.0,))
        os.kill(int(pid), signal.SIGKILL)
        with pytest.raises(ProcessesLost, match="ended from outside"):
            second.side_by_side((1.0,), (1.0,))


@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
def test_a_step_of_dpo_in_two_processes_has_the_loss_and_gradients_of_one_in_a_piece(
    each_t5: Path, tmp_path: Path, worth_it: list[int], lora: bool
) -> None:
    trainer = build(each_t5, tmp_path, lora=lora)
    whole = loss_and_gradients(trainer)
    with on_two_cores(trainer.model):
        in_parts, again = loss_and_gradients(trainer), loss_and_gradients(trainer)
    assert len(worth_it) == 2
    assert head_of(trainer.model).second is None
    assert in_parts[0] == again[0] == pytest.approx(whole[0], abs=1e-5)
    assert in_parts[1].keys() == whole[1].keys()
    for name, gradient in whole[1].items():
        assert torch.equal(in_parts[1][name], again[1][name]), name
        limit = 1e-4 * float(gradient.abs().max()) + 1e-6
        assert torch.allclose(in_parts[1][name], gradient, rtol=0, atol=limit), name


def test_a_run_in_two_processes_gives_the_same_weights_again_and_nearly_those_of_one(
    tiny_t5: Path,
    examples: list[PreferenceExample],
    tmp_path: Path,
    worth_it: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = DPOClickOptions(num_train_epochs=2, per_device_train_batch_size=4)
    for name in ("one", "again"):
        train_dpo(tiny_t5, examples, recipe, tmp_path / name, RecordingProgress())
    passes = len(worth_it)
    monkeypatch.setattr(seq2seq_head, "a_core_is_free", lambda: False)
    train_dpo(tiny_t5, examples, recipe, tmp_path / "alone", RecordingProgress())

    assert len(worth_it) == passes > 0
    one, again, alone = (load_model(tmp_path / name).state_dict() for name in ("one", "again", "alone"))
    for name, weight in one.items():
        assert torch.equal(weight, again[name]), name
        assert torch.allclose(weight, alone[name], atol=1e-4), name
