"""Keeps the launcher running as docs/systemd/mellow.service asks systemd to, where systemd is not at hand.

    python -m tests.chaos.unit [COMMAND …]

It keeps the launcher running, or the program of a command. When that has ended, whatever ended it, what is left of its
control group is killed (KillMode=mixed); after the pause that the unit names, it is started again (Restart=always). In
place of a control group, orphans become children of this process (Linux calls that a child subreaper), which reaps them
as the machine's first process does. SIGTERM ends the program and then this process; so does the end of the process that
started it.
"""

from __future__ import annotations

import configparser
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from app.config import PROJECT_ROOT

UNIT = PROJECT_ROOT / "docs" / "systemd" / "mellow.service"
LAUNCHER = [sys.executable, "-m", "app.launch.launcher"]
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def pause_between_starts(unit: Path = UNIT) -> float:
    """Return RestartSec of the unit; ValueError unless the unit is one that this module imitates."""
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(unit.read_text(encoding="utf-8"))
    service = read["Service"]
    if (service["Restart"], service["KillMode"]) != ("always", "mixed"):
        raise ValueError(f"{unit} is not kept running as this program keeps it.")
    return float(service["RestartSec"])


class Keeper:
    """Starts a program again whenever it has ended, until it is told to stop."""

    def __init__(self, command: list[str], pause: float) -> None:
        self._command = command
        self._pause = pause
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Keep it running; returns once it has ended after `stop`."""
        while not self._stop.is_set():
            self._process = subprocess.Popen(self._command, cwd=PROJECT_ROOT)
            code = self._wait(self._process)
            _kill_what_is_left()
            print(f"The unit's program has ended: {code}.", flush=True)  # which fails if nobody is there to read it
            self._stop.wait(self._pause)

    def stop(self, *_: object) -> None:
        """End the program, and start it no more."""
        self._stop.set()
        if self._process is not None:
            self._process.terminate()

    @staticmethod
    def _wait(process: subprocess.Popen[bytes]) -> int:
        """Return the exit code of a process; orphans that end meanwhile are reaped."""
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == process.pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode


def _kill_what_is_left() -> None:
    this = psutil.Process()
    while left := this.children(recursive=True):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def keep_running(command: list[str]) -> None:
    """Keep a program running until SIGTERM."""
    for option, value in ((_PR_SET_PDEATHSIG, signal.SIGTERM), (_PR_SET_CHILD_SUBREAPER, 1)):
        if ctypes.CDLL(None).prctl(option, int(value)) != 0:
            raise SystemExit("This program imitates systemd by a means that only Linux has.")
    keeper = Keeper(command, pause_between_starts())
    signal.signal(signal.SIGTERM, keeper.stop)
    keeper.run()


if __name__ == "__main__":
    keep_running(sys.argv[1:] or LAUNCHER)
