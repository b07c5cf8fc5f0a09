"""The Procfile's programs: starting them, printing their output under their names, and reporting when they end.

honcho reads the Procfile and prints the lines. Its Manager is not used: it prints from signal handlers, fails when a
signal arrives before every program runs, waits for ever if a program ignores SIGTERM, does not reach RQ's work-horses
and does not report which program ended first.
"""

from __future__ import annotations

import contextlib
import datetime
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from app.launch import LaunchError
from app.launch.reaper import Reaper, end_sessions

# The longest wait for the last lines of a program that has ended.
_LAST_LINES_SECONDS = 1.0


@dataclass(frozen=True)
class Exited:
    """A program ended: its exit code (negative: the signal that ended it) and the last line that it printed."""

    name: str
    code: int
    last_line: str


@dataclass(frozen=True)
class StopWanted:
    """A stop was requested, by Ctrl-C or another signal."""


@dataclass(frozen=True)
class Due:
    """The pause before the next start of a part is over."""

    name: str


@dataclass(frozen=True)
class Ready:
    """The web process responds to GET /readyz with 200."""


# SimpleQueue is the only queue that a signal handler may write to.
Events = SimpleQueue[Exited | StopWanted | Due | Ready]


def read_procfile(path: Path) -> dict[str, str]:
    """Return a mapping of program names to shell commands; raises LaunchError without release, web or worker."""
    commands: dict[str, str] = dict(parse_procfile(path.read_text(encoding="utf-8")).processes)
    for name in ("release", "web", "worker"):
        if name not in commands:
            raise LaunchError(f"{path} has no line that begins with {name}:.")
    return commands


class Programs:
    """Shell commands that run side by side in `folder`, each the leader of its own session."""

    def __init__(self, folder: Path, environ: Mapping[str, str], events: Events, reaper: Reaper) -> None:
        self._folder = folder
        self._environ = environ
        self._events = events
        self._reaper = reaper
        self._colours = get_colours()
        self._colour_of: dict[str, str] = {}
        self._printer = Printer(width=len("release"))
        self._printing = threading.Lock()
        self._leaders: dict[str, int] = {}
        self._watchers: list[threading.Thread] = []

    def start(self, name: str, command: str) -> None:
        """Start a command; when it ends, an Exited event is put."""
        process = subprocess.Popen(  # noqa: S602 - a Procfile's line is a shell command
            command,
            shell=True,
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._leaders[name] = process.pid
        self._reaper.watch(process.pid)
        colour = self._colour_of.setdefault(name, next(self._colours))
        watcher = threading.Thread(target=self._watch, args=(name, process, colour), daemon=True)
        watcher.start()
        self._watchers = [one for one in self._watchers if one.is_alive()] + [watcher]

    def clear(self, name: str) -> None:
        """End what a program that has ended left behind, such as the work-horse of a worker that was killed."""
        leader = self._leaders.pop(name)
        end_sessions([leader])
        self._reaper.forget(leader)

    def stop(self) -> None:
        """End everything that was started, and return once it is gone and its last lines are printed."""
        end_sessions(self._leaders.values())
        for watcher in self._watchers:
            watcher.join(2 * _LAST_LINES_SECONDS)

    def _watch(self, name: str, process: subprocess.Popen[bytes], colour: str) -> None:
        last_line = [""]
        relay = threading.Thread(target=self._relay, args=(name, process, colour, last_line), daemon=True)
        relay.start()
        # Not until the end of its output: its child processes may hold the pipe open after it has ended.
        code = process.wait()
        relay.join(_LAST_LINES_SECONDS)
        self._events.put(Exited(name, code, last_line[0]))

    def _relay(self, name: str, process: subprocess.Popen[bytes], colour: str, last_line: list[str]) -> None:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            last_line[0] = line.strip() or last_line[0]
            message = Message(type="line", data=line, time=datetime.datetime.now(), name=name, colour=colour)
            # Keep reading even if the terminal is gone: otherwise the program would block on a full pipe.
            with self._printing, contextlib.suppress(OSError):
                self._printer.write(message)
