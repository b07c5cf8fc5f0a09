"""`python -m worker.chat`: the process beside the web ones that owns the chat model of CHAT_MODEL.

It listens on a Unix socket of MELLOW_HOME at once, and answers once the model is loaded, the first time after it was
converted. It ends with exit code 1 and one line if that model cannot be loaded.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from app.config import ConfigError, Settings
from models.chat.engine import ChatEngine
from models.chat.forms import form_of, keep_newest
from models.chat.server import ChatServer
from models.chat.service import ChatService
from models.chat.source import find_source
from models.model_errors import AnswersRefused, LoadError, ModelError
from worker.chat.conversion import convert_in_process


class Models:
    """Loads the chat models of one home, whose converted forms it keeps."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = settings.home / "cache" / "chat"

    def first(self) -> ChatEngine:
        """Load the model of CHAT_MODEL; raises ModelError."""
        return self._load(Path(self._settings.chat_model))

    def named(self, said: dict[str, Any]) -> ChatEngine:
        """Load what a line names, `folder` and maybe the `base` of its adapter; raises ModelError."""
        folder, base = said.get("folder"), said.get("base") or self._settings.chat_model
        if not isinstance(folder, str) or not isinstance(base, str) or not Path(folder).is_absolute():
            raise AnswersRefused("A swap names the folder of a model or an adapter by its whole path.")
        return self._load(Path(folder), Path(base))

    def _load(self, folder: Path, base: Path | None = None) -> ChatEngine:
        precision = self._settings.serving_compute_type
        try:
            source = find_source(folder, base)
            form = form_of(source, precision, self._cache, partial(convert_in_process, compute_type=precision))
        except OSError as error:
            raise LoadError(f"{folder} cannot be read, or {self._cache} not be written: {error.strerror}.") from None
        threads = self._settings.serving_threads or max(1, min(4, os.cpu_count() or 1))
        engine = ChatEngine(form, form.name[:16], compute_type=precision, threads=threads)
        keep_newest(self._cache)
        return engine


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    try:
        settings = Settings.from_env()
        if not settings.chat_model:
            raise ConfigError("CHAT_MODEL names no chat model.")
    except ConfigError as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    service, models = ChatService(), Models(settings)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda _signum, _frame: service.end())
    with ExitStack() as stack:
        if not _is_private(settings.chat_socket.parent):
            print(f"{settings.chat_socket.parent} does not belong to this user.", file=sys.stderr, flush=True)
            return 1
        if not _alone(settings.home, stack):
            print(f"Another generation process serves {settings.home}.", file=sys.stderr, flush=True)
            return 1
        server = ChatServer(settings.chat_socket, service, lambda said: service.swap(lambda: models.named(said)))
        stack.enter_context(server.listening())
        failed: list[ModelError] = []
        threading.Thread(target=_load_first, args=(service, models, failed), daemon=True, name="load").start()
        writing = threading.Thread(target=service.run, daemon=True, name="write")
        writing.start()
        writing.join()  # this thread is free for signals, also while the model writes
    for reason in failed:
        print(reason, file=sys.stderr, flush=True)
    return 1 if failed else 0


def _is_private(folder: Path) -> bool:
    """Make the folder of the socket if there is none; return whether it is this user's own."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.lstat().st_uid == os.geteuid()


def _alone(home: Path, stack: ExitStack) -> bool:
    """Hold the lock of a home's generation process until the end; return whether no other process has it."""
    file = stack.enter_context((home / "chat.lock").open("a"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _load_first(service: ChatService, models: Models, failed: list[ModelError]) -> None:
    try:
        name = service.swap(models.first)
        print(f"The chat model {name} is ready.", flush=True)
    except ModelError as error:
        failed.append(error)
        service.end()


if __name__ == "__main__":
    # At the end nothing waits for threads that wait for clients.
    os._exit(main())
