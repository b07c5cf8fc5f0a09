"""Ending processes: whole sessions, even if the launcher itself was killed.

Every program is started as the leader of its own session. A session also holds the processes that the program started:
gunicorn's workers, and RQ's work-horses, which leave their parent's process group and would survive a signal to it.

The launcher runs this file as a small process beside itself. It reads from a pipe which sessions exist; when the pipe
closes without the word "done", the launcher is dead, and it ends those sessions. Unlike Linux's "parent death signal"
this reaches grandchildren and works on macOS.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from types import TracebackType
from typing import Self

import psutil

# Longer than gunicorn.conf.py's graceful_timeout, short enough for someone who waits at a terminal.
GRACE_SECONDS = 5.0

_POLL_SECONDS = 0.05
_KILL_SECONDS = 5.0
"""Limits the wait for killed processes: one in an uninterruptible wait survives SIGKILL."""
_DONE, _WITH_OTHERS, _LAST, _OVER = "done", "with-others", "last", "over"


def end_sessions(leaders: Collection[int], grace: float = GRACE_SECONDS) -> None:
    """Terminate the sessions of the process ids `leaders`, and kill what is left of them after `grace` seconds."""
    for leader in leaders:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (members := _members(leaders)) and time.monotonic() < deadline + _KILL_SECONDS:
        if time.monotonic() >= deadline:
            for member in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _members(leaders: Collection[int]) -> list[int]:
    """Return the living processes in the sessions of `leaders`."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(pid) in leaders and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


class Reaper:
    """The launcher's side of the pipe; a context manager."""

    def __enter__(self) -> Self:
        # -P keeps this file's folder off the import path. In its own session, Ctrl-C does not end the reaper first.
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        return self

    def watch(self, leader: int, *, last: bool = False) -> None:
        """End this session if the launcher dies, with the others or after them."""
        self._send(f"{_LAST if last else _WITH_OTHERS} {leader}")

    def forget(self, leader: int) -> None:
        """A session is over; its number may come to mean another one."""
        self._send(f"{_OVER} {leader}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._send(_DONE)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        # If the reaper was killed, the launcher still ends its programs itself.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def _reap() -> None:
    watched: dict[int, str] = {}
    for line in sys.stdin:
        word, _, leader = line.strip().partition(" ")
        if word == _DONE:
            return
        if word == _OVER:
            watched.pop(int(leader), None)
        else:
            watched[int(leader)] = word
    for when in (_WITH_OTHERS, _LAST):
        end_sessions([leader for leader, word in watched.items() if word == when])


if __name__ == "__main__":
    _reap()
