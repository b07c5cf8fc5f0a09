"""The product as a user runs it, kept running as the unit of systemd says, and the processes that are its parts."""

from __future__ import annotations

import http.client
import os
import sys
from contextlib import closing, suppress
from functools import cached_property

import psutil

from app.config import embedded_socket
from app.runtime.queue import JobQueue
from tests.processes import Product, alive

WEB_PROCESSES = 2
"""What `make run` starts by default."""
KINDS = ("web", "master", "worker", "work-horse", "queue", "launcher", "all at once")
"""What is killed: a web process of gunicorn, gunicorn itself, the worker, the process that trains, and so on."""
_WORDS = {"web": "app:create_app()", "worker": "rq.serializers"}
_SHELLS = ("sh", "bash", "dash")


class Service(Product):
    """The product under the stand-in of systemd (unit.py), and each of its parts."""

    def launch_command(self) -> list[str]:
        """The stand-in, which starts the launcher."""
        return [sys.executable, "-m", "tests.chaos.unit"]

    @cached_property
    def queue(self) -> JobQueue:
        """The queue, by a connection of its own."""
        return JobQueue(f"unix://{embedded_socket(self.home)}")

    def victims(self, kind: str) -> list[psutil.Process]:
        """Return the processes of a part; one of them where any will do, none if it is not there now."""
        if kind == "launcher":
            return self.find("app.launch.launcher")
        if kind == "queue":
            return self.find("valkey-server")
        if kind in ("master", "web"):
            masters, children = self._family(_WORDS["web"])
            return masters if kind == "master" else children[:1]
        if kind in ("worker", "work-horse"):
            workers, children = self._family(_WORDS["worker"])
            return workers if kind == "worker" else [child for child in children if leads_a_group(child)]
        return alive(self.tree()[1:])

    def missing(self) -> str | None:
        """Return the first part that is not there in its full number, or does not do its work; None if all do."""
        for kind in ("launcher", "queue", "master", "worker"):
            if len(self.victims(kind)) != 1:
                return kind
        if len(self._family(_WORDS["web"])[1]) != WEB_PROCESSES:
            return "web"
        if self.page("/readyz")[0] != 200:
            return "/readyz"
        return None if self.queue.workers() else "a worker that the queue knows"

    def page(self, path: str) -> tuple[int, str]:
        """Return the status and the text of a page."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def _family(self, word: str) -> tuple[list[psutil.Process], list[psutil.Process]]:
        """Return the processes with that word on their command line that none of them started, and the others."""
        found: dict[int, tuple[psutil.Process, int]] = {}
        for process in alive(self.find(word)):
            with suppress(psutil.NoSuchProcess):
                if process.name() not in _SHELLS:
                    found[process.pid] = (process, process.ppid())
        parents = [process for process, parent in found.values() if parent not in found]
        return parents, [process for process, parent in found.values() if parent in found]


def leads_a_group(process: psutil.Process) -> bool:
    """Tell RQ's work-horse from what else a worker forks."""
    with suppress(ProcessLookupError):
        return os.getpgid(process.pid) == process.pid
    return False
