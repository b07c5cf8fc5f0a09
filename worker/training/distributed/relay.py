"""A training in processes that `accelerate launch` starts: sending it there, and its progress back.

    this process ── accelerate launch ──▶ rank 0, rank 1, …          worker/training/distributed/child.py
         ▲                                   │
         └────────── a Unix socket ──────────┘    the training; progress and result of rank 0; "cancel"

Each rank holds a connection to this process and ends as soon as that is cut, which the system does however this process
ends, by SIGKILL too. A rank or launcher that ends without a word ends the others, and raises `ProcessesLost`. The ranks
alone know what they train on: this process keeps the database and the terminal.

What crosses the socket is pickled, as by Python's own `multiprocessing`: its folder is open to this user only.
"""

import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from worker.training.shared.progress import Progress
from worker.training.shared.training_errors import ProcessesLost

log = logging.getLogger(__name__)

CANCEL = "cancel"
DONE, FAILED, ENDED = "done", "failed", "ended"
_CHILD = "worker.training.distributed.child"
_ROOT = Path(__file__).resolve().parents[3]
_LOOK_SECONDS = 0.2
_END_SECONDS = 30.0
_KILLED = (
    "A training process was ended from outside, as the system does where memory runs out: what was trained up to the "
    "last checkpoint is kept."
)


def run_in_processes(training: Callable[..., Any], count: int, progress: Progress, *, use_cpu: bool) -> Any:
    """Carry out a training in `count` processes, one on each GPU or all on the CPU, and return its result.

    Raises what the training raises, and `ProcessesLost` if a process ends without a word.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mellow-launch-")))
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(folder / "ranks"))
        listener.listen(count)
        output = folder / "output"
        launched = _Launched(_start(listener.getsockname(), count, output, use_cpu=use_cpu), listener, training)
        stack.callback(launched.end)
        try:
            return launched.result(count, progress)
        except ProcessesLost:
            log.error("The training processes said:\n%s", output.read_text(encoding="utf-8", errors="replace"))
            raise


def launch_command(address: str, count: int) -> list[str]:
    """Return the command that starts `count` processes on this machine, all of its settings named.

    So what `accelerate config` wrote for this user's own trainings does not count.
    """
    threads = max(1, torch.get_num_threads() // count)
    settings = {
        "num_processes": count,
        "num_machines": 1,
        "mixed_precision": "no",  # the trainer's arguments choose it
        "dynamo_backend": "no",
        "main_process_port": 0,  # any that is free, on this machine alone
        "num_cpu_threads_per_process": threads,
    }
    flags = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", *flags, "--module", _CHILD, address]


def _start(address: str, count: int, output: Path, *, use_cpu: bool) -> "subprocess.Popen[bytes]":
    """Start the launcher in a process group of its own, so that Ctrl-C reaches it through this process alone."""
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    if use_cpu:
        environment["ACCELERATE_USE_CPU"] = "true"
    with output.open("wb") as file:
        return subprocess.Popen(
            launch_command(address, count),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            process_group=0,
        )


class _Launched:
    """A launcher that runs, and the connections of its ranks."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", listener: socket.socket, training: Callable[..., Any]
    ) -> None:
        self._process = process
        self._listener = listener
        self._training = training
        self._ranks: list[Connection] = []
        self._ended: list[Connection] = []
        self._errors: list[tuple[float, BaseException]] = []
        self._cancelled = False
        self._result: Any = None

    def result(self, count: int, progress: Progress) -> Any:
        """Relay the progress until every rank has ended, and return the result of the first."""
        while len(self._ended) < count:
            gone = self._process.poll() is not None  # asked first: what was said until then is still to be heard
            ready = wait([self._listener, *self._ranks], _LOOK_SECONDS)
            # All are heard before any is minded: of a rank that was killed the others have errors to tell.
            heard = [(rank, *_received(rank)) for rank in ready if isinstance(rank, Connection)]
            for rank, word, *values in heard:
                self._mind(rank, word, values, progress)
            if self._errors:  # the first is the reason of the others, which lost their connection to that rank
                raise min(self._errors, key=itemgetter(0))[1]
            if self._listener in ready:
                self._welcome()
            if gone and not ready and len(self._ended) < count:
                raise ProcessesLost("The launcher of the training processes ended before they did.")
            if progress.cancelled() and not self._cancelled:
                self._cancel()
        return self._result

    def end(self) -> None:
        """End the ranks that have not ended, and the launcher with them."""
        for rank in (*self._ranks, *self._ended):
            rank.close()
        self._listener.close()
        if self._ranks or not self._ended:
            self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _mind(self, rank: Connection, word: str, values: list[Any], progress: Progress) -> None:
        """Do what a rank's word asks for."""
        if word == FAILED:
            self._errors.append((values[0], values[1]))
        elif word in (DONE, ENDED):
            self._ranks.remove(rank)
            self._ended.append(rank)  # open as long as others train, for its end would end the rank
            self._result = values[0] if word == DONE else self._result
        else:
            getattr(progress, word)(*values)

    def _welcome(self) -> None:
        """Take the connection of a rank, and send it the training."""
        rank = Connection(self._listener.accept()[0].detach())
        self._ranks.append(rank)
        try:
            rank.send(self._training)
        except ConnectionError:
            raise ProcessesLost(_KILLED) from None
        if self._cancelled:
            rank.send(CANCEL)

    def _cancel(self) -> None:
        self._cancelled = True
        for rank in self._ranks:
            with suppress(OSError):  # it has ended, which its connection will say
                rank.send(CANCEL)


def _received(rank: Connection) -> Any:
    """Return what a rank says; raises ProcessesLost if it ended without a word."""
    try:
        return rank.recv()
    except (EOFError, OSError):
        raise ProcessesLost(_KILLED) from None
