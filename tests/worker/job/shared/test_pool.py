"""The pool of a shared worker: whose process works when, what its environment holds, and how all of it ends.

The quick tests start small programs that ask for turns as the process of a studio does; the slow ones start the command
on a real Valkey, with jobs of runs that nobody waits for any more.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from app.config import ConfigError
from app.runtime.queue import JobQueue
from tests.processes import Program, alive, environment, wait_for
from tests.studio import new_settings
from worker.job.shared import pool
from worker.job.shared.pool import slots
from worker.job.shared.studio_files import SharingStudio

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


STUDIO = """
import os, signal, sys
from multiprocessing.connection import Connection
name, pipe = sys.argv[1], Connection(int(sys.argv[2]))
def tell(line):
    with open(os.environ["TOLD"], "a") as told:
        print(name, line, file=told)
tell("has " + os.environ["CREDENTIAL"])
if "TALKS_NONSENSE" in os.environ:
    pipe.send_bytes(b"please!")
    signal.pause()
for number in (1, 3):
    pipe.send_bytes(f"{number} cpu".encode())
    gpus = pipe.recv_bytes().decode().partition(" ")[2]
    tell(f"begins on {gpus or 'all'}")
    if name == os.environ.get("DIES") and not os.path.exists(os.environ["TOLD"] + ".died"):
        open(os.environ["TOLD"] + ".died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    tell("ends")
    pipe.send_bytes(f"{number + 1} -".encode())
tell("is done")
signal.pause()
"""


class Told:
    """What the programs of a pool have told, in their order."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def lines(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    def count(self, end: str) -> int:
        return sum(line.endswith(end) for line in self.lines())


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    program = tmp_path / "studio.py"
    program.write_text(STUDIO)
    monkeypatch.setattr(pool, "COMMAND", (sys.executable, str(program)))
    monkeypatch.setattr(pool, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 0.05)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Told(tmp_path / "told")
    for number, handler in before.items():
        signal.signal(number, handler)


def studio(told: Told, name: str, **more: str) -> SharingStudio:
    environ = {"TOLD": str(told.file), "CREDENTIAL": f"that of {name}", **more}
    return SharingStudio(name, environ, new_settings(told.file.parent))


def run(told: Told, slots: list[str], names: str, until: str, *others: SharingStudio, **more: str) -> None:
    """Run a pool until the program of each of these names has told that."""
    made = pool.Pool([*(studio(told, name, **more) for name in names), *others], slots, ["cpu"])

    def stop() -> None:
        try:
            wait_for(lambda: told.count(until) == len(names), what=until)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop)
    stopping.start()
    try:
        made.run()
    finally:
        stopping.join()
    assert sorted(made.slots) == sorted(slots), "all turns were given back"


def test_studios_work_one_after_the_other_each_with_its_own_credentials(told: Told) -> None:
    run(told, [""], "abc", "is done")
    assert sorted(line for line in told.lines() if " has " in line) == [f"{name} has that of {name}" for name in "abc"]
    turns = [line.split() for line in told.lines() if "begins" in line or "ends" in line]
    assert [line[1] for line in turns] == ["begins", "ends"] * 6
    assert all(begun[0] == ended[0] for begun, ended in zip(turns[::2], turns[1::2], strict=True))


def test_the_turn_of_a_process_that_was_killed_goes_to_others_and_it_is_started_again(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    run(told, [""], "ab", "is done", DIES="a")
    assert told.count("ends") == 4
    assert "a: its worker was ended by SIGKILL, and is started again in" in capfd.readouterr().out


def test_a_studio_that_ends_again_and_again_is_started_after_longer_and_longer_pauses(tmp_path: Path) -> None:
    made = pool.Pool([studio(Told(tmp_path / "told"), "a")], [""], ["cpu"])
    (member,) = made._members.values()
    pauses = []
    for lived in (0, 0, 0, 0, 0, 0, 0, 100, 0):
        member.started = time.monotonic() - lived
        made._pause(member, "has ended")
        pauses.append(member.pause)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 1, 2]


def test_a_studio_whose_process_cannot_be_started_keeps_no_other_from_working(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    run(told, [""], "a", "is done", studio(told, "b", TOO_MUCH="x" * 4_000_000))
    assert told.count("ends") == 2
    assert "b: its worker could not be started (Argument list too long), and is" in capfd.readouterr().out


def test_a_pool_that_breaks_leaves_no_process_behind(told: Told) -> None:
    before = psutil.Process().children()
    with pytest.raises(ValueError, match="please!"):
        pool.Pool([studio(told, "a", TALKS_NONSENSE="1")], [""], ["cpu"]).run()
    assert told.lines() == ["a has that of a"]
    assert alive([child for child in psutil.Process().children() if child not in before]) == []


def test_several_at_once_share_the_gpus_out() -> None:
    assert slots(1, ["0", "1"]) == [""]
    assert slots(2, ["0", "1", "2"]) == ["0,2", "1"]
    assert slots(3, []) == ["", "", ""]
    for workers, sentence in ((3, "--workers 3 is more than this machine has GPUs: at most 2."), (0, "at least 1")):
        with pytest.raises(ConfigError, match=sentence):
            slots(workers, ["0", "1"])


def test_each_process_is_told_which_gpus_are_its_own(told: Told) -> None:
    run(told, slots(2, ["0", "1"]), "ab", "is done")
    assert {line.split()[-1] for line in told.lines() if "begins" in line} <= {"0", "1"}


@pytest.mark.slow
def test_one_worker_works_for_two_studios_apart_while_a_third_is_away(sharing: Sharing, queue_url: str) -> None:
    one, two = sharing.add("one"), sharing.add("two")
    sharing.add("away", "REDIS_URL=unix:///nowhere/valkey.sock")
    jobs = {one: one.enqueue_training(7, 1, needs_gpu=True), two: two.enqueue_training(7, 1, needs_gpu=False)}
    with sharing.start() as program:
        for queue, job in jobs.items():
            wait_for(partial(worked, queue, job), what=job)
            (found,) = queue.workers()
            assert found["queues"] == ["gpu", "cpu", "default"]
        program.wait_for_line("away: The queue does not answer")
        program.wait_for_line("away: its worker has ended, and is started again in 1 s.")
        for name, process in processes(program).items():
            assert process.environ()[CREDENTIAL] == f"of-{name}"
            assert (
                not [value for value in process.environ().values() if value.endswith(("two", "one"))] or name != "away"
            )
        victim = processes(program)["one"]
        victim.kill()
        program.wait_for_line("one: its worker was ended by SIGKILL, and is started again in 1 s.")
        again = one.enqueue_training(8, 1, needs_gpu=True)
        wait_for(lambda: worked(one, again), what="the job after the kill")
        program._process.send_signal(signal.SIGTERM)
        assert program.wait() == 0
        assert (one.workers(), two.workers()) == ([], [])


@pytest.mark.slow
def test_nothing_of_a_worker_that_was_killed_goes_on(sharing: Sharing) -> None:
    queue = sharing.add("one")
    with sharing.start() as program:
        wait_for(queue.workers, what="the worker")
        started = program.tree()
        assert processes(program)["one"] in started
        os.kill(program.pid, signal.SIGKILL)
        wait_for(lambda: not alive(started[1:]), what="the end of all")
