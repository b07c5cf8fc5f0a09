"""Trainings that do not end by themselves, or end badly, for tests of the launcher."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

from models.settings.command_line import DPOOptions
from worker.training import processes
from worker.training.distributed.relay import run_in_processes
from worker.training.shared.progress import Progress, SilentProgress
from worker.training.shared.training_errors import DatasetError

SETTINGS = DPOOptions(use_cpu=True, per_device_train_batch_size=2)


def endless(folder: Path, progress: Progress) -> None:
    """Write a file with this process's id, and wait until somebody ends it."""
    (folder / f"rank-{processes.rank()}").write_text(f"{os.getpid()} {os.getppid()}", encoding="utf-8")
    progress.stage("training")
    while True:
        time.sleep(0.05)


def refused(progress: Progress) -> None:
    """Fail in the second process, while the first one waits for it."""
    progress.log("It begins.")
    if not processes.is_main():
        raise DatasetError("No row is left to train on.")
    processes.wait_for_all()


def sent_sigterm(progress: Progress) -> str:
    """Send this process the signal by which a launcher ends the others when one fails."""
    os.kill(os.getpid(), signal.SIGTERM)
    return "still there"


def start(folder: str) -> None:
    """Start `endless` in two processes, and wait for them."""
    run_in_processes(partial(endless, Path(folder)), 2, SilentProgress(), use_cpu=True)
