"""The Unix socket of the generation process: one connection a request, each with a thread."""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from models.chat import wire
from models.chat.service import Asked, ChatService
from models.chat.source import Named
from models.chat.writing import Event
from models.model_errors import AnswersRefused, ModelError, WriterBusy

MOST_CONNECTIONS = 64
_READ_SECONDS = 10.0
_SEND_SECONDS = 10.0
_LOOK_SECONDS = 0.1
"""How long a connection may be closed before it is noticed."""

Find = Callable[[Named | None], Named]
"""Returns the model that a line names, or the one for a line that names none; raises AnswersRefused if it may not."""


class ChatServer:
    """Answers what clients ask of a service; each connection asks once."""

    def __init__(self, path: Path, service: ChatService, find: Find) -> None:
        self._path, self._service, self._find = path, service, find
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen at the path, which this user alone may open, and answer in threads; raises OSError.

        A socket that is there already is taken away: its process must be known to be dead.
        """
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            mask = os.umask(0o177)
            try:
                listener.bind(str(self._path))
            finally:
                os.umask(mask)
            listener.listen(MOST_CONNECTIONS)
            threading.Thread(target=self._accept, args=(listener,), daemon=True, name="accept").start()
            try:
                yield
            finally:
                self._path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        while listener.fileno() >= 0:  # it is closed at the end
            try:
                connection, _ = listener.accept()
            except OSError:  # such as too many open files
                time.sleep(_LOOK_SECONDS)
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:  # there is no room for one more thread
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # who has gone needs no answer
            try:
                if not self._places.acquire(blocking=False):
                    raise WriterBusy(f"{MOST_CONNECTIONS} connections are open already: ask again in 5 seconds.", 5)
                try:
                    self._answer(connection, wire.parsed(_first_line(connection)))
                finally:
                    self._places.release()
            except ModelError as refusal:
                connection.sendall(wire.error_line(refusal))

    def _answer(self, connection: socket.socket, said: dict[str, Any]) -> None:
        asked = said.get("ask")
        if asked == "answers":
            self._write(connection, said)
        elif asked == "health":
            connection.sendall(wire.line({"event": "health", **self._service.health()}))
        elif asked == "load":
            name = self._service.load(self._find(wire.read_model(said)))
            connection.sendall(wire.line({"event": "loaded", "model": name}))
        else:
            raise AnswersRefused("A line must ask for answers, load or health.")

    def _write(self, connection: socket.socket, said: dict[str, Any]) -> None:
        """Send events until the request is settled; a connection that ends cancels it. Raises its error."""
        told: queue.SimpleQueue[Event | ModelError | None] = queue.SimpleQueue()
        gone = threading.Event()
        connection.settimeout(_SEND_SECONDS)
        request, model = wire.read_request(said), self._find(wire.read_model(said))
        in_memory = self._service.ask(Asked(request, model, told.put, told.put, gone.is_set))
        try:
            if not in_memory:
                connection.sendall(wire.line({"event": "loading"}))
            while True:
                try:
                    event = told.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    if _has_ended(connection):
                        return
                    continue
                if event is None:
                    return
                if isinstance(event, ModelError):
                    raise event
                connection.sendall(wire.event_line(event))
        finally:
            gone.set()


def _first_line(connection: socket.socket) -> bytes:
    """Return the line that a client sends; raises AnswersRefused if it is too long or does not come."""
    connection.settimeout(_READ_SECONDS)
    with connection.makefile("rb") as file:
        try:
            raw = file.readline(wire.LONGEST_LINE + 1)
        except TimeoutError:
            raise AnswersRefused(f"No line came within {_READ_SECONDS:.0f} seconds.") from None
    if len(raw) > wire.LONGEST_LINE:
        raise AnswersRefused(f"A line of the socket may have {wire.LONGEST_LINE:,} bytes.")
    return raw


def _has_ended(connection: socket.socket) -> bool:
    """Return whether the client has closed its side."""
    readable, _, _ = select.select([connection], [], [], 0)
    if not readable:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
