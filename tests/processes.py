"""Starts the real product, every process of it, for the tests that look at it from outside.

What a test learns, it learns from what was printed, over HTTP, from the database file or from the process table, as an
operator would.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import psutil

from app.config import PROJECT_ROOT, SETTING_NAMES
from tests.scorer_cache import share_cache

BIN = Path(sys.executable).parent
# Generous: a machine that trains something else beside the tests is several times slower than a quiet one.
PATIENCE = 120.0
ADMIN_EMAIL = "ada@example.org"
ADMIN_PASSWORD = "a calm password"
ADMIN_TOKEN = "token-of-ada-for-tests"
ADMIN = {"ADMIN_EMAIL": ADMIN_EMAIL, "ADMIN_PASSWORD": ADMIN_PASSWORD, "MELLOW_API_TOKEN": ADMIN_TOKEN}
_TAIL = 80

T = TypeVar("T")


def wait_for(look: Callable[[], T], timeout: float = PATIENCE, *, what: str = "") -> T:
    """What `look` returns, once that is true; AssertionError with `what` was waited for after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what or look} did not come true within {timeout:.0f} s but is {seen!r}"
        time.sleep(0.05)
    return seen


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a program of Mellow that keeps everything in `home`.

    Settings of the outside stay outside; those of a developer's .env are overruled by empty ones, which mean defaults.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    # The commands of this Python come first, as they do in an activated environment.
    path = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    empty = dict.fromkeys((*SETTING_NAMES, "WEB_CONCURRENCY"), "")
    return {**empty, **kept, "PATH": path, "MELLOW_HOME": str(home), **variables}


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those of `processes` that have not ended; one that only waits to be noticed by its parent has."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


class Program:
    """A started program: what it has said so far and every process below it. Leaving the block ends all of it.

    If the block raises, the last lines of the program are printed, where pytest shows them.
    """

    def __init__(self, command: Sequence[str] | str, environ: Mapping[str, str], folder: Path = PROJECT_ROOT) -> None:
        self.command = command
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            shell=isinstance(command, str),
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process id of what was started."""
        return self._process.pid

    def line(self, text: str) -> str | None:
        """The first line that holds `text`, if one has been said."""
        return next((line for line in list(self.lines) if text in line), None)

    def wait_for_line(self, text: str) -> str:
        """The first line that holds `text`, once it has been said; AssertionError if the program ends without."""

        def look() -> str | None:
            ended = not self._listener.is_alive()
            found = self.line(text)
            assert found or not ended, f"{self.command} ended without a word of {text!r}: {self.tail()}"
            return found

        return wait_for(look, what=f"{text!r} from {self.command}") or ""

    def tree(self) -> list[psutil.Process]:
        """The program and everything below it, as it is now."""
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.pid)
            return [top, *top.children(recursive=True)]
        return []

    def find(self, word: str) -> list[psutil.Process]:
        """The processes below whose command line holds `word`, the oldest first."""
        found = []
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                if any(word in part for part in process.cmdline()):
                    found.append(process)
        return sorted(found, key=lambda process: process.create_time())

    def wait(self) -> int:
        """The exit code, once the program has ended by itself."""
        code = self._process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        return code

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self.lines[-_TAIL:])

    def stop(self) -> None:
        """End the program and everything below it, whatever state they are in."""
        tree = self.tree()
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
        for process in alive(tree):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            print(f"The last lines of {self.command}:\n{self.tail()}")
        self.stop()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):  # the pipe was closed while it was read
            for line in self._process.stdout:
                self.lines.append(line.rstrip())


class Answer(NamedTuple):
    """An HTTP answer: its status and its JSON body, None if it has none."""

    status: int
    body: Any


class Api:
    """Speaks to the API of a running Mellow with a token; a connection a call, so threads may share it.

    Without the slug of a `project` it is that of the first one.
    """

    def __init__(self, port: int, token: str = ADMIN_TOKEN, project: str = "") -> None:
        self._port = port
        self._below = f"/p/{project}/api/v1" if project else "/api/v1"
        self._token = token

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Send JSON to `path` of the API; an answer of any status is returned, no answer at all raises OSError."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            payload = None if body is None else json.dumps(body)
            connection.request(method, f"{self._below}{path}", payload, headers)
            response = connection.getresponse()
            content = response.read()
            return Answer(response.status, json.loads(content) if content else None)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        """The body of an answer that must be a success."""
        status, answer = self.call(method, path, body)
        assert 200 <= status < 300, f"{method} {path} answered {status}: {answer}"
        return answer

    def click(self, text: str = "You are a stupid idiot") -> dict[str, Any]:
        """Draw a screen for `text` and choose its first candidate; returns the screen."""
        screen: dict[str, Any] = self.ok("POST", "/generations", {"text": text})
        self.judge(screen)
        return screen

    def judge(self, screen: dict[str, Any], index: int = 0) -> int:
        """Choose one candidate of a screen; returns the judgment's id."""
        chosen = screen["candidates"][index]["id"]
        body = {"generation_id": screen["id"], "verdict": "chosen", "candidate_id": chosen}
        identifier: int = self.ok("POST", "/judgments", body)["id"]
        return identifier

    def run(self, run_id: int) -> dict[str, Any]:
        """A training run as it is now."""
        state: dict[str, Any] = self.ok("GET", f"/training-runs/{run_id}")
        return state

    def wait_for_run(self, run_id: int, *statuses: str) -> dict[str, Any]:
        """A training run, once its status is one of `statuses`; AssertionError if it ends otherwise."""

        def look() -> dict[str, Any] | None:
            state = self.run(run_id)
            ended = state["status"] in ("succeeded", "failed", "cancelled")
            assert not ended or state["status"] in statuses, state
            return state if state["status"] in statuses else None

        return wait_for(look, 2 * PATIENCE, what=f"run {run_id} being {' or '.join(statuses)}") or {}

    def wait_for_version(self, number: int) -> None:
        """Return once a web process answers with that version."""
        wait_for(lambda: self.drawn_by() == number, what=f"version {number} answering")

    def drawn_by(self) -> int:
        """The version that draws a screen now."""
        number: int = self.ok("POST", "/generations", {"text": "You are a stupid idiot"})["version"]
        return number


class Product(Program):
    """The whole product, started by the launcher as `make run` does, with all it stores in `home`."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        share_cache(home)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = Api(self.port)
        super().__init__(self.launch_command(), environment(home, PORT=str(self.port), **variables))

    def launch_command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", "app.launch.launcher"]

    def wait_until_ready(self) -> str:
        """The line that says where to go, once everything answers."""
        return self.wait_for_line("Mellow is ready: ")

    def learn_from_quick_answers(self, project: int = 1) -> None:
        """Let answers of a project count that come within less than a second, as those of tests do."""
        name = "least_seconds" if project == 1 else f"{project}/least_seconds"
        with closing(sqlite3.connect(self.home / "mellow.db", timeout=30)) as database:
            database.execute(
                "INSERT OR REPLACE INTO studio_settings (name, value, changed_at) VALUES (?, ?, ?)",
                (name, '{"value": 0}', "2026-01-02 03:04:05.000000"),
            )
            database.commit()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database file, past the product."""
        return read_rows(self.home / "mellow.db", query, *values)

    def __enter__(self) -> Self:
        try:
            self.wait_until_ready()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self


def read_rows(database: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a SQLite file that is opened for reading only."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(query, values).fetchall()
