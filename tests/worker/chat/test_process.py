"""The generation process as it runs: over its socket, swapped, cancelled, killed and stopped."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from app.config import PROJECT_ROOT, Settings
from app.runtime.chat.process_writer import ProcessWriter
from models.chat.conversation import Message
from models.chat.forms import form_of
from models.chat.source import ChatSource
from models.chat.writing import Answer, AnswerRequest, Piece, Written
from models.model_errors import AnswersRefused, LoadError, ModelError, WriterAway
from tests.tiny.chat import build_tiny_adapter, build_tiny_chat
from worker.chat.conversion import convert

REQUEST = AnswerRequest((Message("user", "What is new?"),), max_tokens=8)
LONG = replace(REQUEST, max_tokens=450)
PATIENCE = 30.0


def in_float32(source: ChatSource, target: Path) -> None:
    """Convert a source."""
    convert(source, target, "float32")


class Home:
    """A home with a chat model and an adapter of it, both converted, so that a start needs no torch."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "home"
        self.model = build_tiny_chat(folder / "model", ends=False)
        self.adapter = build_tiny_adapter(self.model, folder / "adapter")
        self.environ = {
            "PATH": os.environ["PATH"],
            "MELLOW_HOME": str(self.path),
            "CHAT_MODEL": str(self.model),
            "SERVING_COMPUTE_TYPE": "float32",
            "SERVING_THREADS": "1",
        }
        self.socket = Settings.from_env(self.environ).chat_socket
        self.writer = ProcessWriter(self.socket, silence=PATIENCE)
        for source in (ChatSource(self.model), ChatSource(self.model, self.adapter)):
            form_of(source, "float32", self.path / "cache" / "chat", in_float32)

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[str]]:
        """A process that is ready."""
        with subprocess.Popen(
            [sys.executable, "-m", "worker.chat"],
            cwd=PROJECT_ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                said = process.stdout.readline()
                assert said.endswith("is ready.\n"), said
                yield process
            finally:
                process.kill()

    def answers(self, request: AnswerRequest = REQUEST) -> list[Answer]:
        return [event for event in self.writer.write(request) if isinstance(event, Answer)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("process"))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_it_answers_its_own_user_alone_and_is_cancelled_swapped_and_stopped(home: Home) -> None:
    with home.process() as process:
        assert stat.S_IMODE(home.socket.stat().st_mode) == 0o600
        assert not [one.path for one in psutil.Process(process.pid).memory_maps() if "torch" in one.path]
        seeded = home.answers(replace(REQUEST, seed=4))
        assert len({one.text for one in seeded}) == 3
        assert home.answers(replace(REQUEST, seed=4)) == seeded

        with pytest.raises(AnswersRefused, match="begin a new conversation"):
            home.answers(replace(REQUEST, max_tokens=4000))

        events = home.writer.write(LONG)
        assert isinstance(next(events), Piece)
        del events
        wait_until(lambda: home.writer.health()["cancelled"] == 1)

        first = home.writer.health()["model"]
        heard: list[list[Answer] | ModelError] = []
        asking = [threading.Thread(target=lambda: heard.append(home.answers(LONG))) for _ in range(6)]
        for thread in asking:
            thread.start()
        assert home.writer.swap(home.adapter) == home.writer.health()["model"] != first
        for thread in asking:
            thread.join(PATIENCE)
        assert [len(found) for found in heard if isinstance(found, list)] == [3] * 6
        assert home.answers(replace(REQUEST, seed=4)) != seeded
        with pytest.raises(LoadError, match=r"has no config\.json"):
            home.writer.swap(home.path)
        assert home.answers()

        events = home.writer.write(LONG)
        next(events)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(WriterAway):
            list(events)
        assert process.wait(PATIENCE) == 0
        assert not home.socket.exists()


def test_one_that_was_killed_breaks_off_and_another_takes_its_place(home: Home) -> None:
    with home.process() as process:
        events = home.writer.write(LONG)
        next(events)
        process.kill()
        with pytest.raises(WriterAway, match="broke off"):
            list(events)
        process.wait(PATIENCE)
    with pytest.raises(WriterAway, match="not running"):
        home.answers()
    with home.process():
        assert list(home.writer.write(REQUEST))[-1] == Written(str(home.writer.health()["model"]))
        second = subprocess.run(
            [sys.executable, "-m", "worker.chat"],
            cwd=PROJECT_ROOT,
            env=home.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (second.returncode, second.stderr) == (1, f"Another generation process serves {home.path}.\n")
        assert home.answers()
