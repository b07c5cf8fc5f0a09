"""A generation process for the tests of a file: its model and an adapter of it are converted before it starts."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from app.config import PROJECT_ROOT, Settings
from app.db import within, write_transaction
from app.services.versions import versions
from models.chat.forms import form_of
from models.chat.source import ChatSource
from models.chat.versions import CHAT_BASE
from models.store.manifest import Manifest
from models.store.store import ADAPTER_FOLDER
from tests.studio import parts
from tests.tiny.chat import build_tiny_adapter, build_tiny_chat
from worker.chat.conversion import convert


class ChatProcess:
    """The home of a process, and what it can load without torch."""

    def __init__(self, folder: Path) -> None:
        self.home, self.store = folder / "home", folder / "store"
        self.model = build_tiny_chat(folder / "model", ends=False)
        self.adapter = build_tiny_adapter(self.model, folder / "adapter")
        self._environ = {
            "PATH": os.environ["PATH"],
            "MELLOW_HOME": str(self.home),
            "MELLOW_STORE": str(self.store),
            "CHAT_MODEL": str(self.model),
            "SERVING_COMPUTE_TYPE": "float32",
            "SERVING_THREADS": "1",
        }
        self.socket = Settings.from_env(self._environ).chat_socket
        for source in (ChatSource(self.model), ChatSource(self.model, self.adapter)):
            form_of(source, "float32", self.home / "cache" / "chat", _in_float32)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """A process that is ready."""
        with subprocess.Popen(
            [sys.executable, "-m", "worker.chat"],
            cwd=PROJECT_ROOT,
            env=self._environ,
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

    def settings(self, settings: Settings) -> Settings:
        """Settings of a studio whose answers come from it, and whose store, empty now, is the one that it knows."""
        shutil.rmtree(self.store, ignore_errors=True)
        found = dataclasses.replace(settings, chat_model=str(self.model), store=self.store)
        found.chat_socket.parent.mkdir(parents=True, exist_ok=True)
        found.chat_socket.unlink(missing_ok=True)
        found.chat_socket.symlink_to(self.socket)
        return found

    def publish_adapter(self, app: Flask, session: Session, project: int, base: int) -> int:
        """Publish the adapter as a version of a project, which does not serve; returns its number."""
        store = parts(app).store
        number = store.next_number()
        manifest = Manifest(
            number, base, None, "dpo", {CHAT_BASE: base}, "", {}, datetime.now(UTC).isoformat(timespec="seconds")
        )
        with store.stage() as staged:
            shutil.copytree(self.adapter, staged / ADAPTER_FOLDER)
            manifest = store.seal(staged, manifest)
            store.publish(staged, number)
        with within(session, project), write_transaction(session):
            versions.record_version(session, manifest, store.location(number))
        return number


def _in_float32(source: ChatSource, target: Path) -> None:
    convert(source, target, "float32")
