"""In how many processes a training runs, and with which command they start."""

from __future__ import annotations

import pickle
from functools import partial

import pytest
import torch

from models.model_errors import RecipeError
from models.settings.clicks import CLICK_OPTIONS
from models.settings.command_line import METHOD_OPTIONS, DPOOptions, KTOOptions
from models.settings.sft import SFTRecipe
from tests.worker.conftest import RecordingProgress
from worker.training import processes
from worker.training.clicks.anchored import Anchored
from worker.training.clicks.click_dpo import ClickDPO
from worker.training.distributed import launcher as launchers
from worker.training.distributed.launcher import count_for, launcher, visible_gpus
from worker.training.distributed.relay import launch_command
from worker.training.methods import method_of
from worker.training.run.runner import train
from worker.training.shared.progress import Progress


def told(progress: Progress) -> str:
    """A training that says where it runs."""
    return f"process {processes.rank()} of {processes.count()}"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """The launches that were asked for, by how many processes and whether on the CPU; none is made."""
    asked: list[tuple[int, bool]] = []

    def launch(training: object, count: int, progress: Progress, *, use_cpu: bool) -> str:
        asked.append((count, use_cpu))
        return "launched"

    monkeypatch.setattr(launchers, "run_in_processes", launch)
    return asked


@pytest.mark.parametrize(
    ("wanted", "gpus", "rows", "batches", "count"),
    [
        pytest.param(0, 0, 8, 1, 1, id="no GPU: one process"),
        pytest.param(0, 1, 8, 1, 1, id="one GPU: one process"),
        pytest.param(0, 4, 8, 1, 4, id="every GPU that is visible"),
        pytest.param(2, 4, 8, 1, 2, id="fewer, if that is asked for"),
        pytest.param(1, 4, 8, 1, 1, id="one GPU of several"),
        pytest.param(2, 0, 8, 1, 2, id="two that share the processor"),
        pytest.param(0, 3, 8, 1, 2, id="three cannot share eight rows equally"),
        pytest.param(0, 8, 1, 16, 8, id="batches of one row, of which a step has many"),
        pytest.param(0, 8, 1, 1, 1, id="one row a step"),
    ],
)
def test_there_are_as_many_processes_as_gpus_that_share_each_step_equally(
    wanted: int, gpus: int, rows: int, batches: int, count: int
) -> None:
    settings = DPOOptions(per_device_train_batch_size=rows, gradient_accumulation_steps=batches)
    assert count_for(wanted, gpus, settings) == count


@pytest.mark.parametrize(("loss", "count"), [("kto", 4), ("apo_zero_unpaired", 8)])
def test_no_more_processes_share_a_batch_of_kto_than_it_has_rows(loss: str, count: int) -> None:
    settings = KTOOptions(per_device_train_batch_size=4, gradient_accumulation_steps=2, loss_type=loss)
    assert count_for(0, 8, settings) == count


def test_more_processes_than_gpus_are_refused_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launchers, "visible_gpus", lambda: 2)
    with pytest.raises(RecipeError, match=r"^TRAINING_PROCESSES is 4, but only 2 GPUs are visible: each process needs"):
        launcher(4)(told, DPOOptions(), RecordingProgress())


@pytest.mark.parametrize(
    "settings", [DPOOptions(), CLICK_OPTIONS["dpo"](), SFTRecipe()], ids=["command", "clicks", "sft"]
)
def test_several_visible_gpus_are_used_by_every_kind_of_training(
    monkeypatch: pytest.MonkeyPatch, launched: list[tuple[int, bool]], settings: DPOOptions
) -> None:
    monkeypatch.setattr(launchers, "visible_gpus", lambda: 2)
    progress = RecordingProgress()
    assert launcher(0)(told, settings, progress) == "launched"
    assert launched == [(2, False)]
    assert progress.lines == ["It trains in 2 processes, which share the rows of each step."]


def test_that_fewer_processes_train_than_there_are_gpus_is_said(
    monkeypatch: pytest.MonkeyPatch, launched: list[tuple[int, bool]]
) -> None:
    monkeypatch.setattr(launchers, "visible_gpus", lambda: 3)
    progress = RecordingProgress()
    launcher(0)(told, DPOOptions(per_device_train_batch_size=8), progress)
    assert progress.lines == ["It trains in 2 processes: 3 could not share the rows of a step equally."]


def test_a_training_on_the_processor_looks_at_no_gpu(
    monkeypatch: pytest.MonkeyPatch, launched: list[tuple[int, bool]]
) -> None:
    monkeypatch.setattr(launchers, "visible_gpus", lambda: pytest.fail("it looked"))
    assert launcher(0)(told, DPOOptions(use_cpu=True), RecordingProgress()) == "process 0 of 1"
    launcher(2)(told, DPOOptions(use_cpu=True), RecordingProgress())
    assert launched == [(2, True)]


def test_what_a_person_started_by_accelerate_launch_starts_nothing_more(
    monkeypatch: pytest.MonkeyPatch, launched: list[tuple[int, bool]]
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setattr(launchers, "visible_gpus", lambda: 4)
    assert launcher(0)(told, DPOOptions(), RecordingProgress()) == "process 1 of 4"
    assert launched == []


def test_counting_the_gpus_does_not_start_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "_is_compiled", lambda: True)
    monkeypatch.setattr(torch.cuda, "_device_count_nvml", lambda: 4)
    monkeypatch.setattr(torch._C, "_cuda_getDeviceCount", lambda: pytest.fail("it started CUDA"), raising=False)
    assert visible_gpus() == 4
    assert not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def test_the_command_is_of_accelerate_and_leaves_nothing_to_its_own_settings() -> None:
    command = launch_command("a socket", 4)
    assert command[1:4] == ["-m", "accelerate.commands.launch", "--multi_gpu"]
    assert " ".join(command[4:8]) == "--num_processes 4 --num_machines 1"
    assert command[-3:] == ["--module", "worker.training.distributed.child", "a socket"]


@pytest.mark.parametrize("method", sorted(METHOD_OPTIONS))
def test_a_training_by_every_method_can_be_sent_to_other_processes(method: str) -> None:
    chosen = Anchored(ClickDPO(), 0.5) if method == "dpo" else method_of(method)
    sent = pickle.loads(pickle.dumps(partial(train, chosen, "model", options=METHOD_OPTIONS[method]())))  # noqa: S301
    assert sent.args[0].name == method
