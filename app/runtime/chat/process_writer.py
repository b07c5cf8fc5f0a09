"""The client of the generation process: asks over its Unix socket, and yields what it tells."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from models.chat import wire
from models.chat.source import Named
from models.chat.writing import AnswerRequest, Event, Waiting, Written
from models.model_errors import ModelError, WriterAway

CONNECT_SECONDS = 2.0
SILENCE_SECONDS = 60.0
"""The longest wait for the next line; the queue of the process is short enough for that."""
WHOLE_SECONDS = 300.0
LOAD_SECONDS = 600.0
"""The longest wait for a model to be loaded: one that is new here is converted first."""

LOOK_SECONDS = 0.5
"""After so long without a line it is looked whether anybody still waits."""
_CHUNK = 65536

_AWAY = "The chat model does not answer: its generation process is not running, or is being started again."


class ProcessWriter:
    """A Writer that asks the process at a socket; it may be used by several threads."""

    def __init__(
        self,
        path: Path,
        folder: Path | None = None,
        base: Path | None = None,
        *,
        silence: float = SILENCE_SECONDS,
        whole: float = WHOLE_SECONDS,
    ) -> None:
        """Remember where the process listens, and whom to ask: the model, adapter or version in `folder`.

        `base` is the folder of the base of an adapter. Without `folder` the model of CHAT_MODEL is asked. `silence` and
        `whole` limit, in seconds, a pause and a request.
        """
        self._path, self._silence, self._whole = path, silence, whole
        self._model = Named(folder, base) if folder else None

    def write(self, request: AnswerRequest) -> Iterator[Event | Waiting]:
        """Yield what is written while it is written; closing the iterator cancels the request.

        A model that is not in memory is loaded first. Raises LoadError or StoreError if it cannot be, AnswersRefused,
        WriterBusy, and WriterAway, also if the process dies in the middle.
        """
        request.check()
        deadline = time.monotonic() + self._whole
        with closing(self._lines(wire.request_line(request, self._model), self._silence, deadline)) as lines:
            for said in lines:
                event = Waiting() if said is None else wire.read_event(said)
                yield event
                if isinstance(event, Written):
                    return

    def health(self) -> dict[str, Any]:
        """Return what the process says of itself; raises WriterAway."""
        return self._asked(wire.line({"ask": "health"}), CONNECT_SECONDS)

    def load(self) -> str:
        """Let the model be in memory, converted first if it is new, and return its name; raises ModelError."""
        return str(self._asked(wire.load_line(self._model), LOAD_SECONDS)["model"])

    def _asked(self, question: bytes, seconds: float) -> dict[str, Any]:
        with closing(self._lines(question, seconds, time.monotonic() + seconds)) as lines:
            said = next(said for said in lines if said is not None)
        if said.get("event") == "error":
            raise wire.error_of(said)
        return said

    def _lines(self, question: bytes, silence: float, deadline: float) -> Generator[dict[str, Any] | None]:
        """Send a line and yield those of the answer, and None now and then while none comes.

        While a model is being loaded, silence is no matter. Raises WriterAway if the answer ends before its last line
        or does not come in time.
        """
        with self._connected() as connection:
            try:
                connection.sendall(question)
                heard, until = b"", min(time.monotonic() + silence, deadline)
                while True:
                    raw, end, rest = heard.partition(b"\n")
                    if end:
                        heard, said = rest, _said(raw)
                        loading = said.get("event") == "loading"
                        until = deadline if loading else min(time.monotonic() + silence, deadline)
                        if not loading:
                            yield said
                    elif (more := _received(connection, until)) is None:
                        yield None
                    elif more and len(heard) < wire.LONGEST_LINE:
                        heard += more
                    else:
                        raise WriterAway("The chat model broke off: ask again in a moment.")
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


def _received(connection: socket.socket, until: float) -> bytes | None:
    """Return what has come, nothing at the end, and None if nothing comes for LOOK_SECONDS.

    Raises TimeoutError if nothing comes until that time of `time.monotonic`.
    """
    left = until - time.monotonic()
    connection.settimeout(max(0.001, min(left, LOOK_SECONDS)))
    try:
        return connection.recv(_CHUNK)
    except TimeoutError:
        if left <= LOOK_SECONDS:
            raise
        return None


def _said(raw: bytes) -> dict[str, Any]:
    try:
        return wire.parsed(raw)
    except ModelError:
        raise WriterAway("The generation process said something that is not understood.") from None
