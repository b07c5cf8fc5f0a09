"""One of several processes of a training: `accelerate launch … -m worker.training.distributed.child SOCKET`.

It takes the training from the socket, carries it out, and says through the socket how it goes. It ends at once when the
other side does.
"""

import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import torch.distributed as distributed

from worker.training import processes
from worker.training.distributed.relay import DONE, ENDED, FAILED
from worker.training.shared.progress import SilentProgress
from worker.training.shared.training_errors import TrainingError


class RelayedProgress:
    """The progress of the first process, as it is told to the process that started the launcher."""

    def __init__(self, other: Connection) -> None:
        self._other = other
        self._sending = threading.Lock()
        self._stopped = threading.Event()

    def receive(self) -> Any:
        """Return the training, and from now on listen to the other side."""
        training = self._other.recv()
        threading.Thread(target=self._listen, name="launcher", daemon=True).start()
        return training

    def stage(self, name: str) -> None:
        """Tell which stage begins."""
        self.send("stage", name)

    def step(self, done: int, total: int) -> None:
        """Tell how many steps are complete."""
        self.send("step", done, total)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Tell the metrics of a step."""
        self.send("metrics", step, dict(values))

    def checkpoint(self, step: int) -> None:
        """Tell that a checkpoint was saved."""
        self.send("checkpoint", step)

    def log(self, line: str) -> None:
        """Tell a line of the log."""
        self.send("log", line)

    def cancelled(self) -> bool:
        """Return whether the other side asked to stop."""
        return self._stopped.is_set()

    def send(self, word: str, *values: Any) -> None:
        """Send a word with its values."""
        with self._sending:
            self._other.send((word, *values))

    def _listen(self) -> None:
        """Note that the training is cancelled; end the process when the other side has ended."""
        try:
            while True:
                self._other.recv()
                self._stopped.set()
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGKILL)


def main(address: str) -> int:
    """Carry out the training that waits at `address`; returns the exit code.

    The launcher sends SIGTERM to the other processes when one has failed. It is ignored, since they end with their
    connections, and a process that ended before the error was heard would count as killed.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end = socket.socket(socket.AF_UNIX)
    end.connect(address)
    relayed = RelayedProgress(Connection(end.detach()))
    try:
        training = relayed.receive()
        result = training(progress=relayed if processes.is_main() else SilentProgress())
        processes.wait_for_all()
        if distributed.is_initialized():
            distributed.destroy_process_group()
    except BaseException as error:
        relayed.send(FAILED, time.monotonic(), told(error))
        return 1
    relayed.send(DONE, result) if processes.is_main() else relayed.send(ENDED)
    return 0


def told(error: BaseException) -> BaseException:
    """Return an error that the other side can raise, with what was being done here."""
    note, sent = "".join(traceback.format_exception(error)), error.with_traceback(None)
    if not isinstance(error, Exception):
        sent = TrainingError(f"A training process ended with {type(error).__name__}.")
    elif not _can_be_sent(error):
        sent = TrainingError(f"{type(error).__name__}: {error}")
    sent.add_note(note)
    return sent


def _can_be_sent(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # written in the same line
    except Exception:  # whatever the parts of an error raise
        return False
    return True


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)  # at once: the other side has all that there is to say
