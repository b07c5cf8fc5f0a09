"""When what ended is started again, and when it is given up."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.launch import LaunchError
from app.launch.parts import Part, parts_file, read_parts, write_parts
from app.launch.supervisor import Supervisor


class Times:
    """A supervisor of parts that do nothing, at times that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.pauses: list[tuple[float, str]] = []
        self.started: list[str] = []
        self.refusal = ""
        self.home = folder
        names = ("web", "worker", "queue")
        self.supervisor = Supervisor(
            {name: lambda name=name: self.start(name) for name in names},  # type: ignore[misc]
            self.home,
            lambda pause, name: self.pauses.append((pause, name)),
            lambda: self.now,
        )

    def start(self, name: str) -> None:
        if self.refusal:
            raise LaunchError(self.refusal)
        self.started.append(name)

    def told(self) -> dict[str, Part]:
        return read_parts(self.home)


@pytest.fixture
def times(tmp_path: Path) -> Times:
    return Times(tmp_path)


def test_the_pause_doubles_and_the_fifth_end_within_a_minute_is_the_last(times: Times) -> None:
    for second in (0, 14, 28, 42):
        times.now = second
        assert times.supervisor.ended("worker", "It broke.").state == "restarting"
        times.supervisor.restart("worker")
        assert times.told()["worker"].state == "running"
    assert times.pauses == [(0.5, "worker"), (1, "worker"), (2, "worker"), (4, "worker")]
    times.now = 59.9
    assert times.supervisor.ended("worker", "It broke again.") == Part("given up", 4, "It broke again.")
    assert times.told() == {"web": Part(), "worker": Part("given up", 4, "It broke again."), "queue": Part()}
    assert len(times.pauses) == 4


def test_ends_that_are_far_apart_are_forgotten(times: Times) -> None:
    for number in range(20):
        times.now = 15.0 * number
        assert times.supervisor.ended("web", "It broke.").state == "restarting"
        times.supervisor.restart("web")
    assert max(pause for pause, _ in times.pauses) == 4
    assert times.told()["web"] == Part("running", 20, "It broke.")


def test_a_start_that_fails_counts_as_an_end(times: Times) -> None:
    times.refusal = "Its folder belongs to another user."
    times.supervisor.ended("queue", "It was killed.")
    for _ in range(4):
        times.supervisor.restart("queue")
    assert times.told()["queue"] == Part("given up", 0, "Its folder belongs to another user.")
    assert times.started == []


def test_with_web_and_worker_given_up_nothing_is_left_to_watch(times: Times) -> None:
    for _ in range(5):
        times.supervisor.ended("worker", "It broke.")
    for _ in range(4):
        times.supervisor.ended("web", "web broke.")
    with pytest.raises(LaunchError, match=r"^Mellow has stopped because web broke\.$"):
        times.supervisor.ended("web", "web broke.")


@pytest.mark.parametrize("content", ["", "[]", '{"launcher": 1, "parts": {"web": 3}}', '{"launcher": 1}', "\xff"])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, content: str) -> None:
    assert read_parts(tmp_path) == {}
    parts_file(tmp_path).write_text(content, encoding="latin-1")
    assert read_parts(tmp_path) == {}


def test_a_launcher_that_is_gone_says_nothing(tmp_path: Path) -> None:
    write_parts(tmp_path, {"web": Part()})
    assert read_parts(tmp_path) == {"web": Part()}
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    said = json.loads(parts_file(tmp_path).read_text())
    parts_file(tmp_path).write_text(json.dumps(said | {"launcher": int(ended.stdout)}))
    assert read_parts(tmp_path) == {}


def test_a_part_is_started_again_also_where_nothing_can_be_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = Times(tmp_path)
    with monkeypatch.context() as patch, suppress(OSError), Path("/dev/full").open("w") as full:
        patch.setattr(sys, "stdout", full)
        times.supervisor.ended("worker", "worker was ended by SIGKILL.")
    assert times.pauses == [(0.5, "worker")]
