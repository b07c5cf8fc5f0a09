"""Starts the real launcher on a small Procfile, so that its tests need neither the application nor a model."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from app.config import PROJECT_ROOT

PATIENCE = 30.0

# Answers /readyz, below SCRIPT_NAME if there is one, and has a child as gunicorn's master has workers.
WEB = """
import http.server, os, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == os.environ.get("SCRIPT_NAME", "") + "/readyz" else 404)
        self.end_headers()
    def log_message(self, *args):
        pass
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""

# Like an RQ worker in the middle of a job: its work-horse has left the process group and heeds no SIGTERM.
WORKER = """
import os, signal, time
if os.fork() == 0:
    os.setpgrp()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("work-horse at work", flush=True)
    time.sleep(600)
time.sleep(600)
"""

START = "import pathlib, sys; from app.launch.launcher import main; sys.exit(main(pathlib.Path(sys.argv[1])))"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def write_procfile(
    folder: Path, release: str = "true", web: str = "python web.py", worker: str = "exec sleep 600", chat: str = ""
) -> Path:
    """A Procfile in `folder`, beside a web and a worker that it may name, with a chat line if one is given."""
    (folder / "web.py").write_text(WEB)
    (folder / "worker.py").write_text(WORKER)
    procfile = folder / "Procfile"
    procfile.write_text(f"release: {release}\nweb: {web}\nworker: {worker}\n" + (f"chat: {chat}\n" if chat else ""))
    return procfile


class Launcher:
    """A running launcher: what it has said so far, and every process below it."""

    def __init__(self, procfile: Path, environ: Mapping[str, str], start: str = START) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, str(procfile)],
            cwd=PROJECT_ROOT,
            env={
                "PATH": os.environ["PATH"],
                "MELLOW_HOME": str(procfile.parent / "home"),
                "PORT": str(self.port),
                **environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # As from a terminal: whoever runs the tests with nohup ignores the hang-up, and this would inherit it.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait_for(self, text: str, times: int = 1) -> str:
        """The first line that holds `text`, once it has been said that often."""
        deadline = time.monotonic() + PATIENCE
        with self._heard:
            while len(found := [line for line in self.lines if text in line]) < times:
                alive = self._listener.is_alive()
                if not (alive and self._heard.wait(deadline - time.monotonic())):
                    raise AssertionError(f"never said {text!r} but {self.lines}")
        return found[0]

    def tree(self) -> list[psutil.Process]:
        """The launcher and everything below it, as it is now."""
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def status(self, path: str) -> int | None:
        """The status with which the web answers now, None if nobody does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def finish(self) -> tuple[int, str]:
        """Exit code and standard error, once it has ended."""
        code = self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.lines.append(line.rstrip())
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()


def still_alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those of `processes` that have not ended within the time anyone would wait."""
    deadline = time.monotonic() + 15
    while (alive := [process for process in processes if _alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _alive(process: psutil.Process) -> bool:
    """False also for what has ended and only waits to be noticed by its parent, here the machine's first process."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
