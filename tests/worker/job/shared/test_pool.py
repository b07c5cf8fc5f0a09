"""A worker for several studios: real processes, a real Valkey, and jobs of runs that nobody waits for any more."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from app.config import ConfigError, Settings
from app.db import make_sessions
from app.runtime.embedded_queue import EmbeddedQueue
from app.runtime.queue import JobQueue
from app.services.system import marks
from tests.processes import Program, environment, wait_for
from worker.job.shared.pool import slots

CREDENTIAL = "AWS_SECRET_ACCESS_KEY"


class Sharing:
    """Studios on one server, and the worker that they share."""

    def __init__(self, folder: Path, database: Path, url: str) -> None:
        self.folder, self._database, self.url = folder, database, url
        self.files = folder / "files"
        self.files.mkdir()

    def add(self, name: str, *lines: str) -> JobQueue:
        """Write the file of a studio; returns its queue."""
        home = self.folder / name
        home.mkdir()
        shutil.copy(self._database, home)
        said = (f"MELLOW_HOME={home}", f"QUEUE_PREFIX={name}", f"{CREDENTIAL}=of-{name}", f"REDIS_URL={self.url}")
        (self.files / f"{name}.env").write_text("\n".join((*said, *lines)))
        return JobQueue(self.url, name)

    def start(self, *flags: str) -> Program:
        """Start the worker."""
        command = [sys.executable, "-m", "worker", "studios", str(self.files), *flags]
        return Program(command, environment(self.folder / "pool", AWS_SECRET_ACCESS_KEY="of-the-operator"))


@pytest.fixture
def sharing(tmp_path: Path, migrated_database: Path, queue_url: str) -> Sharing:
    return Sharing(tmp_path, migrated_database, queue_url)


def worked(queue: JobQueue, job_id: str) -> bool:
    return not queue.has_job(job_id)


def processes(program: Program) -> dict[str, psutil.Process]:
    """The process of each studio, by its name."""
    return {process.cmdline()[3]: process for process in program.find("worker.job.shared.shared_worker")}


def test_one_worker_works_for_two_studios_apart_while_a_third_is_away(sharing: Sharing, queue_url: str) -> None:
    one, two = sharing.add("one"), sharing.add("two")
    sharing.add("away", "REDIS_URL=unix:///nowhere/valkey.sock")
    jobs = {one: one.enqueue_training(7, 1, needs_gpu=True), two: two.enqueue_training(7, 1, needs_gpu=False)}
    with sharing.start() as program:
        for queue, job in jobs.items():
            wait_for(lambda: worked(queue, job), what=job)
            (found,) = queue.workers()
            assert (found["queues"], found["machine"]["elsewhere"]) == (["gpu", "cpu", "default"], False)
        program.wait_for_line("away: The queue does not answer")
        program.wait_for_line("away: its worker has ended, and is started again in 2 s.")
        for name, process in processes(program).items():
            assert process.environ()[CREDENTIAL] == f"of-{name}"
            assert (
                not [value for value in process.environ().values() if value.endswith(("two", "one"))] or name != "away"
            )
        victim = processes(program)["one"]
        victim.kill()
        program.wait_for_line("one: its worker was ended by SIGKILL, and is started again in 2 s.")
        again = one.enqueue_training(8, 1, needs_gpu=True)
        wait_for(lambda: worked(one, again), what="the job after the kill")
        program._process.send_signal(signal.SIGTERM)
        assert program.wait() == 0
        assert (one.workers(), two.workers()) == ([], [])
