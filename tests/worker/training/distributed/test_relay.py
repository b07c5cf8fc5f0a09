"""A training in processes of its own: its progress and its errors come back, and it ends with whoever started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.processes import wait_for
from tests.worker.conftest import RecordingProgress
from tests.worker.training.distributed.trainings import SETTINGS, endless, refused
from tests.worker.training.methods.conftest import data_of, options_of
from worker.training.distributed.launcher import launcher
from worker.training.distributed.relay import DONE, FAILED, _Launched
from worker.training.methods import method_of
from worker.training.run.runner import train
from worker.training.shared.run_folder import last_whole_checkpoint
from worker.training.shared.training_errors import Cancelled, DatasetError, ProcessesLost


class Ranks:
    """The two processes of `endless`, and what started them, by what they wrote."""

    def __init__(self, folder: Path) -> None:
        self.ranks = [psutil.Process(self._ids(folder, rank)[0]) for rank in range(2)]
        self.launcher = psutil.Process(self._ids(folder, 0)[1])

    def wait_for_end(self) -> None:
        """Return once none of them is there; fails if one stays."""
        _, left = psutil.wait_procs([*self.ranks, self.launcher], timeout=20)
        assert left == []

    @staticmethod
    def _ids(folder: Path, rank: int) -> list[int]:
        file = folder / f"rank-{rank}"
        text = wait_for(lambda: file.exists() and file.read_text(encoding="utf-8"), what=f"process {rank}")
        return list(map(int, str(text).split()))


def started_in(folder: Path) -> list[str]:
    """Return the command of a program that starts `endless` there."""
    program = "import sys; from tests.worker.training.distributed.trainings import start; start(sys.argv[1])"
    return [sys.executable, "-c", program, str(folder)]


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[tuple[_Launched, Callable[[], Connection]]]:
    """A launcher that has ended already, and what connects a rank to it."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(tmp_path / "ranks"))
        listener.listen(2)

        def connect() -> Connection:
            end = socket.socket(socket.AF_UNIX)
            end.connect(listener.getsockname())
            return stack.enter_context(Connection(end.detach()))

        found = _Launched(ended, listener, refused)
        stack.callback(found.end)
        yield found, connect


def test_what_a_rank_said_before_it_ended_is_heard_to_its_end(
    launched: tuple[_Launched, Callable[[], Connection]],
) -> None:
    found, connect = launched
    progress = RecordingProgress()
    with connect() as rank:
        for word in (("step", 1, 2), ("step", 2, 2), (DONE, "the result")):
            rank.send(word)
        assert found.result(1, progress) == "the result"
    assert progress.steps == [(1, 2), (2, 2)]


def test_a_launcher_that_ends_before_its_ranks_speak_has_lost_them(
    launched: tuple[_Launched, Callable[[], Connection]],
) -> None:
    with pytest.raises(ProcessesLost, match=r"^The launcher of the training processes ended before they did"):
        launched[0].result(1, RecordingProgress())


def test_of_two_errors_the_first_is_that_of_the_training(
    launched: tuple[_Launched, Callable[[], Connection]],
) -> None:
    found, connect = launched
    with connect() as first, connect() as second:

        class Busy(RecordingProgress):
            """Is busy while the second rank fails, and the first one for that reason."""

            def stage(self, name: str) -> None:
                first.send((FAILED, 2.0, RuntimeError("Connection closed by peer")))
                second.send((FAILED, 1.0, DatasetError("No row is left to train on.")))

        first.send(("stage", "training"))
        with pytest.raises(DatasetError):
            found.result(2, Busy())


@pytest.mark.slow
@pytest.mark.parametrize(
    "choose",
    [lambda found: found.ranks[0], lambda found: found.ranks[1], lambda found: found.launcher],
    ids=["the first", "the second", "the launcher"],
)
def test_where_a_process_or_the_launcher_is_killed_the_others_end_and_the_run_can_go_on(
    tmp_path: Path, choose: Callable[[Ranks], psutil.Process]
) -> None:
    found: list[Ranks] = []

    def kill() -> None:
        found.append(Ranks(tmp_path))
        choose(found[0]).kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ProcessesLost):
        launcher(2)(partial(endless, tmp_path), SETTINGS, RecordingProgress())
    killer.join()
    found[0].wait_for_end()


@pytest.mark.slow
def test_where_the_process_that_started_them_is_killed_all_end(tmp_path: Path) -> None:
    command = started_in(tmp_path)
    with subprocess.Popen(command) as starter:
        found = Ranks(tmp_path)
        starter.kill()
    found.wait_for_end()


@pytest.mark.slow
def test_ctrl_c_reaches_them_through_the_process_that_started_them(tmp_path: Path) -> None:
    command = started_in(tmp_path)
    with subprocess.Popen(command, stderr=subprocess.PIPE, process_group=0) as starter:
        found = Ranks(tmp_path)
        os.killpg(starter.pid, signal.SIGINT)
        _, said = starter.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said
    found.wait_for_end()


@pytest.mark.slow
def test_an_error_of_any_process_is_the_error_of_the_training() -> None:
    progress = RecordingProgress()
    with pytest.raises(DatasetError) as caught:
        launcher(2)(refused, SETTINGS, progress)
    assert str(caught.value) == "No row is left to train on."
    assert "It trains in 2 processes, which share the rows of each step." in progress.lines


@pytest.mark.slow
def test_a_cancelled_training_stops_and_goes_on_in_another_number_of_processes(tiny_t5: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_steps": 6, "save_steps": 1, "use_cpu": True}
    options = options_of("dpo", **settings)
    told = RecordingProgress(cancel_after=2)
    start = partial(train, method_of("dpo"), str(tiny_t5), data_of("preference"), options)

    with pytest.raises(Cancelled, match="was cancelled after step"):
        launcher(2)(partial(start, tmp_path / "run"), options, told)
    checkpoint = last_whole_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    again = RecordingProgress()
    result = launcher(1)(partial(start, tmp_path / "run"), options, again)
    whole = start(tmp_path / "whole", RecordingProgress())

    assert f"Training goes on from step {checkpoint.name.removeprefix('checkpoint-')}." in again.lines
    assert result.train_loss == pytest.approx(whole.train_loss, abs=1e-4)
    assert result.after["implicit_reward_margin"] == pytest.approx(whole.after["implicit_reward_margin"], abs=1e-3)
