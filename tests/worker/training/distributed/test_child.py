"""One process of a training: the errors it tells, and the signal it ignores."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.worker.training.distributed.trainings import sent_sigterm
from worker.training.distributed.child import told
from worker.training.distributed.relay import DONE
from worker.training.shared.training_errors import DatasetError, TrainingError


class Unreadable(Exception):
    """An error that is pickled, but not read again."""

    def __init__(self, row: int, *, why: str) -> None:
        super().__init__(f"row {row}: {why}")


class Unsent(Exception):
    """An error that is not pickled."""

    lock = None

    def __init__(self) -> None:
        super().__init__("it is locked")
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (DatasetError("No row."), DatasetError, "No row."),
        (Unreadable(3, why="it is empty"), TrainingError, "Unreadable: row 3: it is empty"),
        (Unsent(), TrainingError, "Unsent: it is locked"),
        (SystemExit(1), TrainingError, "A training process ended with SystemExit."),
    ],
    ids=["any", "one that cannot be read", "one that cannot be sent", "an exit"],
)
def test_every_error_reaches_the_other_side_with_its_reason(
    error: BaseException, kind: type[Exception], said: str
) -> None:
    heard = pickle.loads(pickle.dumps(told(error)))  # noqa: S301
    assert type(heard) is kind
    assert str(heard) == said
    assert str(error) in heard.__notes__[0]


@pytest.mark.slow
def test_a_process_outlives_the_signal_by_which_the_launcher_ends_the_others(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "ranks"))
        listener.listen(1)
        command = [sys.executable, "-m", "worker.training.distributed.child", listener.getsockname()]
        with subprocess.Popen(command) as child, Connection(listener.accept()[0].detach()) as rank:
            rank.send(sent_sigterm)
            assert rank.recv() == (DONE, "still there")
            assert child.wait(20) == 0
