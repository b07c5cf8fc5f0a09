"""The client of the generation process: asks over its Unix socket, and yields what it tells."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from models.chat import wire
from models.chat.writing import AnswerRequest, Event, Written
from models.model_errors import ModelError, WriterAway

CONNECT_SECONDS = 2.0
SILENCE_SECONDS = 60.0
"""The longest wait for the next line; the queue of the process is short enough for that."""
WHOLE_SECONDS = 300.0
LOAD_SECONDS = 600.0
"""The longest wait for a swap: a model that is new here is converted first."""

_AWAY = "The chat model does not answer: its generation process is not running, or is being started again."


class ProcessWriter:
    """A Writer that asks the process at a socket; it may be used by several threads."""

    def __init__(
        self,
        path: Path,
        folder: Path | None = None,
        base: Path | None = None,
        silence: float = SILENCE_SECONDS,
        whole: float = WHOLE_SECONDS,
    ) -> None:
        """Remember where the process listens, and whose answers to ask for.

        `folder` holds a model, an adapter of the model in `base`, or a version; without one CHAT_MODEL writes.
        `silence` and `whole` limit, in seconds, a pause and a request.
        """
        self._path, self._silence, self._whole = path, silence, whole
        self._folder, self._base = folder, base

    def write(self, request: AnswerRequest) -> Iterator[Event]:
        """Yield what is written while it is written; closing the iterator cancels the request.

        Raises AnswersRefused, WriterBusy, and WriterAway, also if the process dies in the middle.
        """
        request.check()
        deadline = time.monotonic() + self._whole
        question = wire.request_line(request, self._folder, self._base)
        with closing(self._lines(question, self._silence, deadline)) as lines:
            for said in lines:
                event = wire.read_event(said)
                yield event
                if isinstance(event, Written):
                    return

    def load(self) -> str:
        """Let the process have the model of this writer in memory; return its name. Raises ModelError."""
        if self._folder is None:
            return str(self.health()["model"])
        return self.swap(self._folder, self._base)

    def health(self) -> dict[str, Any]:
        """Return what the process says of itself; raises WriterAway."""
        return self._asked({"ask": "health"}, CONNECT_SECONDS)

    def swap(self, folder: Path, base: Path | None = None) -> str:
        """Let the model, adapter or version in `folder` write from now on; return its name.

        `base` is the model of an adapter, by default that of CHAT_MODEL. Raises ModelError; the present model then
        stays.
        """
        said = {"ask": "swap", "folder": str(folder), "base": str(base) if base else None}
        return str(self._asked(said, LOAD_SECONDS)["model"])

    def _asked(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        with closing(self._lines(wire.line(question), seconds, time.monotonic() + seconds)) as lines:
            said = next(lines)
        if said.get("event") == "error":
            raise wire.error_of(said)
        return said

    def _lines(self, question: bytes, silence: float, deadline: float) -> Generator[dict[str, Any]]:
        """Send a line and yield those of the answer; raises WriterAway if it ends or does not come in time."""
        with self._connected() as connection:
            try:
                connection.sendall(question)
                with connection.makefile("rb") as file:
                    while True:
                        connection.settimeout(max(0.001, min(silence, deadline - time.monotonic())))
                        raw = file.readline(wire.LONGEST_LINE)
                        if not raw.endswith(b"\n"):
                            raise WriterAway("The chat model broke off: ask again in a moment.")
                        yield _said(raw)
            except TimeoutError:
                raise WriterAway("The chat model did not answer in time: ask again in a moment.") from None
            except OSError:
                raise WriterAway(_AWAY) from None

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(CONNECT_SECONDS)
            try:
                connection.connect(str(self._path))
            except OSError:
                raise WriterAway(_AWAY) from None
            yield connection


def _said(raw: bytes) -> dict[str, Any]:
    try:
        return wire.parsed(raw)
    except ModelError:
        raise WriterAway("The generation process said something that is not understood.") from None
