"""The generation process as it runs: over its socket, for several models, cancelled, killed and stopped."""

from __future__ import annotations

import os
import shutil
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
from models.chat.source import ChatSource, find_source
from models.chat.writing import Answer, AnswerRequest, Piece, Written
from models.model_errors import AnswersRefused, LoadError, ModelError, WriterAway
from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from tests.tiny.chat import build_tiny_adapter, build_tiny_chat
from worker.chat.conversion import convert

REQUEST = AnswerRequest((Message("user", "What is new?"),), max_tokens=8)
LONG = replace(REQUEST, max_tokens=450)
PATIENCE = 30.0


def in_float32(source: ChatSource, target: Path) -> None:
    """Convert a source."""
    convert(source, target, "float32")


def publish(store: CheckpointStore, number: int, part: str, files: Path) -> Path:
    """Publish a version that holds those files as one of its folders."""
    with store.stage() as staged:
        shutil.copytree(files, staged / part)
        store.seal(staged, Manifest(number, None, None, "chat", {"chat_base": 2}, "", {}, ""))
        store.publish(staged, number)
    return store.folder(number)


class Home:
    """A home with a chat model, and with it and an adapter of it as versions: converted, so that no torch is needed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "home"
        self.model = build_tiny_chat(folder / "model", ends=False)
        adapter = build_tiny_adapter(self.model, folder / "adapter")
        store = CheckpointStore(self.path / "versions")
        self.base = publish(store, 2, "model", self.model)
        self.trained = publish(store, 3, "adapter", adapter)
        self.environ = {
            "PATH": os.environ["PATH"],
            "MELLOW_HOME": str(self.path),
            "CHAT_MODEL": str(self.model),
            "SERVING_COMPUTE_TYPE": "float32",
            "SERVING_THREADS": "1",
        }
        self.socket = Settings.from_env(self.environ).chat_socket
        self.writer = ProcessWriter(self.socket, silence=PATIENCE)
        for source in (find_source(self.model), find_source(self.trained, self.base)):
            form_of(source, "float32", self.path / "cache" / "chat", in_float32)

    def named(self, folder: Path, base: Path | None = None) -> ProcessWriter:
        """The client for a model that is named."""
        return ProcessWriter(self.socket, folder, base, silence=PATIENCE)

    @contextmanager
    def process(self, **changes: str) -> Iterator[subprocess.Popen[str]]:
        """A process that is ready, with these settings changed."""
        with subprocess.Popen(
            [sys.executable, "-m", "worker.chat"],
            cwd=PROJECT_ROOT,
            env=self.environ | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                said = process.stdout.readline()
                assert said.endswith(("is ready.\n", "asked for.\n")), said
                yield process
            finally:
                process.kill()

    def answers(self, request: AnswerRequest = REQUEST, writer: ProcessWriter | None = None) -> list[Answer]:
        return [event for event in (writer or self.writer).write(request) if isinstance(event, Answer)]

    def in_memory(self) -> list[str]:
        """The folders of the models in memory, the least used first."""
        return [one["folder"] for one in self.writer.health()["models"]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("process"))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_it_answers_its_own_user_alone_for_several_models_and_is_cancelled_and_stopped(home: Home) -> None:
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

        trained = home.named(home.trained, home.base)
        heard: list[list[Answer] | ModelError] = []
        asking = [
            threading.Thread(target=lambda writer=writer: heard.append(home.answers(LONG, writer)))
            for writer in (home.writer, trained) * 3
        ]
        for thread in asking:
            thread.start()
        assert trained.load() != home.writer.load()
        for thread in asking:
            thread.join(PATIENCE)
        assert [len(found) for found in heard if isinstance(found, list)] == [3] * 6
        assert home.answers(replace(REQUEST, seed=4)) == seeded != home.answers(replace(REQUEST, seed=4), trained)
        assert home.in_memory() == [str(home.model), str(home.trained)]

        events = home.writer.write(LONG)
        next(events)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(WriterAway):
            list(events)
        assert process.wait(PATIENCE) == 0
        assert not home.socket.exists()


def test_without_chat_model_it_serves_what_is_named_and_only_versions_of_the_store(home: Home) -> None:
    trained, base = home.named(home.trained, home.base), home.named(home.base)
    with home.process(CHAT_MODEL="", CHAT_MODELS_IN_MEMORY="1"):
        with pytest.raises(AnswersRefused, match="must be named"):
            home.answers()
        assert home.answers(writer=trained)
        assert home.answers(writer=base)
        assert home.in_memory() == [str(home.base)]
        for elsewhere in (home.model, home.base / "model", home.path / "versions" / "000009" / ".." / ".."):
            with pytest.raises(AnswersRefused, match="Only versions of the store"):
                home.named(elsewhere).load()
        with pytest.raises(AnswersRefused, match="Only versions of the store"):
            home.named(home.trained, home.model).load()
        with pytest.raises(LoadError, match="is an adapter"):
            home.answers(writer=home.named(home.trained))
        assert home.answers(writer=base)


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
        assert list(home.writer.write(REQUEST))[-1] == Written(home.writer.load())
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
