"""A proxy between a client and an object store that cuts, delays and repeats, as networks and proxies do."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CONDITION = re.compile(rb"if-none-match: [^\r]*\r\n", re.IGNORECASE)


class Fault(StrEnum):
    """What happens to one request."""

    NONE = "none"
    UNSENT = "the connection ends before the store sees the request"
    UNANSWERED = "the store does as it is told, and the answer is lost"
    CUT = "the answer ends in its middle"
    REPEATED = "the store sees the request twice; the client gets the second answer"
    LATE = "the request waits a moment"
    UNCONDITIONAL = "the store does not see the request's condition"


class Proxy:
    """Listens on `port`; `fault` says for each request, by its first line, what becomes of it."""

    def __init__(self, upstream: int, fault: Callable[[str], Fault]) -> None:
        self._upstream = upstream
        self._fault = fault
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self.lines: list[str] = []
        """The first lines of all requests, in the order in which they came."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while (request := _message(client)) and self._pass_on(client, request):
                    pass
            except OSError:
                return

    def _pass_on(self, client: socket.socket, request: bytes) -> bool:
        """Do with a request as the fault says; returns whether the connection goes on."""
        line = request.split(b"\r\n", 1)[0].decode()
        self.lines.append(line)
        fault = self._fault(line)
        if fault == Fault.UNSENT:
            return False
        if fault == Fault.LATE:
            self._ended.wait(0.02)
        if fault == Fault.UNCONDITIONAL:
            request = _CONDITION.sub(b"", request)
        answer = self._ask(request)
        if fault == Fault.REPEATED:
            answer = self._ask(request)
        if fault == Fault.UNANSWERED:
            return False
        client.sendall(answer[: len(answer) // 2] if fault == Fault.CUT else answer)
        return fault != Fault.CUT

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._upstream)) as store:
            store.sendall(request)
            return _message(store, bodiless=request.startswith(b"HEAD"))


def _message(stream: socket.socket, *, bodiless: bool = False) -> bytes:
    """Read one HTTP message; empty if the other side has closed the connection."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = stream.recv(65536)
        if not piece:
            return b""
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    missing = 0 if bodiless or length is None else int(length[1]) - len(body)
    pieces = [read]
    while missing > 0:
        piece = stream.recv(65536)
        if not piece:
            raise ConnectionError
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
