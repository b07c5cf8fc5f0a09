"""What a worker says of its machine, and that the queue hears it as long as the worker lives."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from rq.serializers import JSONSerializer

from app.runtime.queue import JobQueue
from tests.processes import wait_for
from worker.job import machine
from worker.job.studio_worker import StudioWorker


def test_the_lines_of_the_driver_are_understood() -> None:
    said = "NVIDIA H100 80GB HBM3, 81559, 1024, 37\nNVIDIA A100, with a comma, [N/A], [N/A], [N/A]\n\nNo devices\n"
    assert machine.parse(said) == [
        {
            "name": "NVIDIA H100 80GB HBM3",
            "memory_bytes": 81559 * 1024**2,
            "memory_used_bytes": 1024**3,
            "busy_percent": 37,
        },
        {"name": "NVIDIA A100, with a comma", "memory_bytes": None, "memory_used_bytes": None, "busy_percent": None},
    ]


def test_the_driver_is_asked_for_its_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "$1, 1, 2, 3" >&2\necho "NVIDIA T4, 15360, 0, 0"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert [gpu["name"] for gpu in machine.gpus()] == ["NVIDIA T4"]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert machine.gpus() == []
    monkeypatch.setenv("PATH", "/nowhere")
    assert machine.gpus() == []


def test_the_machine_has_cores_and_memory() -> None:
    found = machine.machine()
    assert found["cores"] > 0
    assert 0 < found["memory_used_bytes"] < found["memory_bytes"]


def test_a_worker_tells_the_queue_of_its_machine_until_it_ends(queue_url: str) -> None:
    queue = JobQueue(queue_url)
    with Redis.from_url(queue_url) as redis:
        worker = StudioWorker(["default"], connection=redis, name="w1", serializer=JSONSerializer)
        worker.register_birth()
        try:
            told = wait_for(lambda: queue.workers()[0]["machine"], 30, what="a machine in the queue")
        finally:
            worker.register_death()
        assert told["cores"] > 0
        assert queue.workers() == []
        assert 0 < int(redis.ttl("mellow:worker:w1")) <= 60
