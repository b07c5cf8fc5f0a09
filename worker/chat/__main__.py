"""`python -m worker.chat`: the process beside the web ones that owns the chat models.

It listens on a Unix socket of MELLOW_HOME at once. A model is loaded when it is first asked for, that of CHAT_MODEL at
once, and converted before that if it is new; the process ends with exit code 1 and one line if that of CHAT_MODEL
cannot be loaded.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from app.config import ConfigError, Settings
from models.chat.server import ChatServer
from models.chat.service import ChatService
from models.model_errors import ModelError, WriterAway
from worker.chat.loading import Models


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    try:
        settings = Settings.from_env()
    except ConfigError as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    models = Models(settings)
    service = ChatService(models.load, settings.chat_models_in_memory)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda _signum, _frame: service.end())
    with ExitStack() as stack:
        if not _is_private(settings.chat_socket.parent):
            print(f"{settings.chat_socket.parent} does not belong to this user.", file=sys.stderr, flush=True)
            return 1
        if not _alone(settings.home, stack):
            print(f"Another generation process serves {settings.home}.", file=sys.stderr, flush=True)
            return 1
        stack.enter_context(ChatServer(settings.chat_socket, service, models.find).listening())
        failed: list[ModelError] = []
        writing = threading.Thread(target=service.run, daemon=True, name="write")
        writing.start()
        if settings.chat_model:
            threading.Thread(target=_load_first, args=(service, models, failed), daemon=True, name="first").start()
        else:
            print("Chat models are loaded when they are asked for.", flush=True)
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
        name = service.load(models.find(None))
        print(f"The chat model {name} is ready.", flush=True)
    except WriterAway:
        return  # it is being stopped
    except ModelError as error:
        failed.append(error)
        service.end()


if __name__ == "__main__":
    # At the end nothing waits for threads that wait for clients.
    os._exit(main())
