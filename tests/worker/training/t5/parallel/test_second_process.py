"""A second process computes a part of each batch, and what comes out is what one process gives."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import active_children
from multiprocessing.connection import wait
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor

from models.settings.clicks import DPOClickOptions
from tests.processes import wait_for
from tests.worker.conftest import RecordingProgress
from tests.worker.training.t5.test_dpo_speed import build, loss_and_gradients
from worker.training.clicks.click_dpo import train_dpo
from worker.training.shared.checkpoint import load_model
from worker.training.shared.examples import PreferenceExample
from worker.training.shared.quiet_libraries import quiet
from worker.training.t5 import seq2seq_head
from worker.training.t5.parallel import second_process as module
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


class Unpicklable(Exception):
    """An error that another process could neither send nor build."""

    def __init__(self, one: object, two: object) -> None:
        super().__init__(lambda: (one, two))


@contextmanager
def second_of(weight: Tensor, compute: Callable[..., tuple[Tensor, ...]] | None = None) -> Iterator[SecondProcess]:
    """A second process that computes `scaled`, or something else."""
    with second_process(compute or (lambda factor: scaled(weight, weight, factor)), [weight]) as second:
        assert second is not None
        yield second


def one_step(second: SecondProcess, weight: Tensor) -> tuple[float, int]:
    """The gradient of 1 and 10 squares of the weight, and the process that computed the ten."""
    weight.grad = None
    (here, _), (there, pid) = second.side_by_side((1.0,), (10.0,))
    (here + there).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    return float(weight.grad), int(pid)


def test_a_part_is_computed_in_another_process_from_the_weights_as_they_are_now() -> None:
    weight, unused = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
    with second_process(lambda factor: scaled(weight, unused, factor), [weight, unused]) as second:
        assert second is not None
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
    with second_of(weight) as second:
        sums = [sum(value for value, _ in second.side_by_side((one,), (one,))) for one in (1.0, 5.0)]
        (sums[0] + sums[1]).backward()  # type: ignore[union-attr]
        assert weight.grad is not None
        assert weight.grad.tolist() == [24]


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next_one() -> None:
    weight = torch.ones(1, requires_grad=True)
    with second_of(weight) as second:
        with pytest.raises(MemoryError, match="no room"):
            second.side_by_side((-1.0,), (3.0,))
        gradient, pid = one_step(second, weight)
    assert gradient == 22
    assert pid != os.getpid()


def test_a_part_that_fails_there_is_computed_here_and_the_log_has_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    weight, home = torch.ones(1, requires_grad=True), os.getpid()

    def compute(factor: float) -> tuple[Tensor, ...]:
        if os.getpid() != home:
            raise Unpicklable(1, 2)
        return scaled(weight, weight, factor)

    with second_of(weight, compute) as second:
        assert [one_step(second, weight) for _ in range(2)] == [(22, home)] * 2
        assert not second.is_there
    assert caplog.text.count("The training goes on without its second process, which failed") == 1
    assert all(part in caplog.text for part in ("in compute", "Unpicklable"))


def test_an_error_of_both_is_raised_as_what_it_is() -> None:
    weight = torch.ones(1, requires_grad=True)
    with second_of(weight) as second:
        with pytest.raises(MemoryError, match="no room"):
            second.side_by_side((1.0,), (-1.0,))
        assert one_step(second, weight) == (22, os.getpid())


@pytest.mark.parametrize("when", ["before the forward pass", "before the backward pass"])
def test_the_part_of_a_process_that_was_killed_is_computed_here(when: str, caplog: pytest.LogCaptureFixture) -> None:
    weight = torch.ones(1, requires_grad=True)
    with second_of(weight) as second:
        (here, _), (there, pid) = second.side_by_side((1.0,), (10.0,))
        os.kill(int(pid), signal.SIGKILL)
        if when == "before the backward pass":
            (here + there).backward()  # type: ignore[no-untyped-call]
            assert weight.grad is not None
            assert float(weight.grad) == 22
        assert one_step(second, weight) == (22, os.getpid())
    assert caplog.text.count("second process, which was ended from outside.") == 1


def test_a_process_that_hangs_is_killed_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ANSWERS_WITHIN", 1)
    weight = torch.ones(1, requires_grad=True)
    with second_of(weight) as second:
        _, pid = one_step(second, weight)
        os.kill(pid, signal.SIGSTOP)
        assert one_step(second, weight) == (22, os.getpid())
        assert not psutil.pid_exists(pid)
    assert "second process, which did not answer." in caplog.text


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENDS_WITHIN", 0.1)
    weight = torch.ones(1, requires_grad=True)
    with second_of(weight) as second:
        _, pid = one_step(second, weight)
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: not psutil.pid_exists(pid), what="the end of the process")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_hangs_ends_with_one_that_was_killed() -> None:
    """Or it would keep the locks that it has inherited, and the run could not be taken up."""
    reader, writer = os.pipe()
    weight = torch.ones(1, requires_grad=True)
    middle = os.fork()
    if middle == 0:
        try:
            with second_of(weight) as second:
                _, pid = one_step(second, weight)
                os.kill(pid, signal.SIGSTOP)
                os.write(writer, str(pid).encode())
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.close(writer)
    os.waitpid(middle, 0)
    pid = int(os.read(reader, 20))
    try:
        assert wait([reader], 10)
        assert os.read(reader, 1) == b""  # nobody has the other end any more
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.close(reader)


@pytest.mark.parametrize("refuses", ["os.fork", "mmap.mmap"])
def test_a_system_that_refuses_a_process_gets_a_line_in_the_log_and_the_training_none(
    refuses: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(refuses, refuse)
    weight = torch.ones(1, requires_grad=True)
    with second_process(lambda factor: scaled(weight, weight, factor), [weight]) as second:
        assert second is None
    assert "no second process: Cannot allocate memory." in caplog.text


@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "LoRA"])
def test_a_step_of_dpo_in_two_processes_has_the_loss_and_gradients_of_one_in_a_piece(
    each_t5: Path, tmp_path: Path, worth_it: list[int], lora: bool
) -> None:
    trainer = build(each_t5, tmp_path, lora=lora)
    whole = loss_and_gradients(trainer)
    with on_two_cores(trainer.model):
        in_parts, again = loss_and_gradients(trainer), loss_and_gradients(trainer)
        for process in active_children():
            process.kill()
        alone = loss_and_gradients(trainer)  # of the same two parts
    assert len(worth_it) == 3
    assert head_of(trainer.model).second is None
    assert in_parts[0] == again[0] == alone[0] == pytest.approx(whole[0], abs=1e-5)
    assert in_parts[1].keys() == whole[1].keys()
    for name, gradient in whole[1].items():
        assert torch.equal(in_parts[1][name], again[1][name]), name
        assert torch.equal(in_parts[1][name], alone[1][name]), name
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
