"""The Procfile's programs: started, their lines put on the terminal under their names, their ends noticed.

honcho reads the Procfile and prints the lines. Its Manager is not used: it prints from signal handlers, fails when a
signal arrives before every program runs, waits for ever when none heeds SIGTERM, does not reach RQ's work-horses and
does not tell which program ended first.
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

# How long the last lines of a program that has ended may take to arrive.
_LAST_LINES_SECONDS = 1.0


@dataclass(frozen=True)
class Exited:
    """A program ended: its exit code (negative: the signal that ended it) and the last line that it printed."""

    name: str
    code: int
    last_line: str


@dataclass(frozen=True)
class StopWanted:
    """Someone pressed Ctrl-C or sent a signal that asks for the end."""


@dataclass(frozen=True)
class Ready:
    """The web answers GET /readyz with 200."""


# SimpleQueue alone among the queues may be written to from a signal handler.
Events = SimpleQueue[Exited | StopWanted | Ready]


def read_procfile(path: Path) -> dict[str, str]:
    """Program name → shell command. Raises LaunchError unless it names release, web and worker."""
    commands: dict[str, str] = dict(parse_procfile(path.read_text(encoding="utf-8")).processes)
    for name in ("release", "web", "worker"):
        if name not in commands:
            raise LaunchError(f"{path} has no line that begins with {name}:.")
    return commands


class Programs:
    """Runs shell commands side by side in `folder`, each the leader of its own session."""

    def __init__(self, folder: Path, environ: Mapping[str, str], events: Events, reaper: Reaper) -> None:
        self._folder = folder
        self._environ = environ
        self._events = events
        self._reaper = reaper
        self._colours = get_colours()
        self._printer = Printer(width=len("release"))
        self._printing = threading.Lock()
        self._leaders: list[int] = []
        self._watchers: list[threading.Thread] = []

    def start(self, commands: Mapping[str, str]) -> None:
        """Starts the commands by name; the end of each arrives as an Exited event."""
        leaders = []
        for name, command in commands.items():
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
            leaders.append(process.pid)
            watcher = threading.Thread(target=self._watch, args=(name, process, next(self._colours)), daemon=True)
            watcher.start()
            self._watchers.append(watcher)
        self._leaders += leaders
        self._reaper.watch(leaders)

    def stop(self) -> None:
        """Ends everything that was started, and returns once it is gone and its last lines are printed."""
        end_sessions(self._leaders)
        for watcher in self._watchers:
            watcher.join(2 * _LAST_LINES_SECONDS)

    def _watch(self, name: str, process: subprocess.Popen[bytes], colour: str) -> None:
        last_line = [""]
        relay = threading.Thread(target=self._relay, args=(name, process, colour, last_line), daemon=True)
        relay.start()
        # Not the end of its output: what the program started may hold the pipe open for longer than it lives.
        code = process.wait()
        relay.join(_LAST_LINES_SECONDS)
        self._events.put(Exited(name, code, last_line[0]))

    def _relay(self, name: str, process: subprocess.Popen[bytes], colour: str, last_line: list[str]) -> None:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            last_line[0] = line.strip() or last_line[0]
            message = Message(type="line", data=line, time=datetime.datetime.now(), name=name, colour=colour)
            # A terminal that has gone is no reason to stop reading: the program would block on a full pipe.
            with self._printing, contextlib.suppress(OSError):
                self._printer.write(message)
