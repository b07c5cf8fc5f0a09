"""What a worker loads before it forks serves the forked process, and harms neither it nor the start of the worker."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from app.config import PROJECT_ROOT
from app.runtime.queue import JobQueue
from tests.processes import Program, environment, wait_for
from worker.job import preloading

TRAINS_IN_A_FORK = """
import os, signal, sys
from worker.job.preloading import preload
preload()
import torch
assert {"trl", "peft", "ctranslate2", "worker.training.clicks.click_dpo"} <= set(sys.modules)
assert "worker.evaluation.automatic" in sys.modules
assert not torch.cuda.is_initialized()
if os.fork() == 0:
    signal.alarm(60)  # a pool of threads that did not survive the fork waits for ever
    before = len(os.listdir("/proc/self/task"))
    torch.set_num_threads(2)
    weight = torch.randn(512, 512, requires_grad=True)
    (torch.randn(512, 512) @ weight).relu().sum().backward()
    assert torch.isfinite(weight.grad).all()
    assert len(os.listdir("/proc/self/task")) > before, "it computed with one thread only"
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not preloading.forks_well(), reason="Libraries are not loaded in advance on this machine.")
def test_a_process_forked_after_preloading_computes_with_several_threads() -> None:
    ended = subprocess.run([sys.executable, "-c", TRAINS_IN_A_FORK], cwd=PROJECT_ROOT, timeout=200, check=False)
    assert ended.returncode == 0


@pytest.mark.parametrize("where", ["a Mac", "beside a GPU"])
def test_nothing_is_loaded_where_a_fork_would_not_survive_it(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "gpu"
    monkeypatch.setattr(preloading, "_GPU_DEVICES", (str(device),))
    if where == "a Mac":
        monkeypatch.setattr(sys, "platform", "darwin")
    else:
        device.touch()
    monkeypatch.setattr(preloading, "import_module", lambda name: pytest.fail(f"{name} was loaded"))
    preloading.preload()


def test_what_cannot_be_loaded_is_left_to_the_job(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(preloading, "forks_well", lambda: True)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(preloading, "MODULES", ("no_such_library", "worker.job.machine"))
    with caplog.at_level(logging.WARNING):
        preloading.preload()
    (line,) = caplog.messages
    assert (
        line
        == "no_such_library cannot be loaded in advance (No module named 'no_such_library'); the jobs will try again."
    )


def start_worker(queue_url: str, home: Path) -> Program:
    """A worker as that of the Procfile, which runs any job."""
    options = [
        "--serializer",
        "rq.serializers.JSONSerializer",
        "--worker-class",
        "tests.worker.job.any_job.AnyJobWorker",
    ]
    return Program([sys.executable, "-m", "rq.cli", "worker", "--url", queue_url, *options], environment(home))


def test_a_worker_that_is_still_loading_is_seen_and_its_job_finds_the_libraries(queue_url: str, tmp_path: Path) -> None:
    queue = JobQueue(queue_url)
    with Redis.from_url(queue_url) as redis, start_worker(queue_url, tmp_path / "home") as worker:
        wait_for(queue.workers, what="a worker in the queue")
        # There is no database at all, so there is nothing to prepare, which is no reason to stop.
        worker.wait_for_line("The next run cannot be prepared")
        ask = '"trl" in __import__("sys").modules'
        job = Queue(connection=redis, serializer=JSONSerializer).enqueue("builtins.eval", ask)
        found = wait_for(lambda: job.latest_result(), what="the result of the job")
        assert found is not None
        assert found.return_value is preloading.forks_well()
        wait_for(lambda: queue.workers()[0]["state"] == "idle", what="a worker that waits again")
        process = next(one for one in worker.tree() if "worker" in one.cmdline())
        process.terminate()
        worker.wait()
    assert queue.workers() == []


def test_a_worker_that_is_told_to_end_while_it_loads_ends_at_once(queue_url: str, tmp_path: Path) -> None:
    queue = JobQueue(queue_url)
    with start_worker(queue_url, tmp_path / "home") as worker:
        worker.wait_for_line("Listening on")
        worker.tree()[0].terminate()
        assert worker.wait() == 0
        assert worker.line("cannot be prepared") is None
    assert queue.workers() == []
