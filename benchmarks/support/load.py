"""A load generator that leaves the machine to the server: one thread, one epoll, requests made in advance.

A request and its answer cost it some tens of microseconds, so that on two cores the server is what is measured. It
speaks just enough HTTP/1.1 for that: connections are kept alive where the server allows, answers have a length.
"""

from __future__ import annotations

import heapq
import re
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

PATIENCE = 60.0
"""Seconds; a server that says nothing for so long is broken."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass
class Load:
    """What a load has met: for each answered request its milliseconds, and how many answers had which status."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    seconds: float = 0.0
    own_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.milliseconds) / self.seconds if self.seconds else 0.0


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A whole request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def closed_loop(port: int, clients: Sequence[Sequence[bytes]], seconds: float) -> Load:
    """Each client sends its next request as soon as the last one is answered, for so many seconds."""
    return _Run(port, clients, seconds, every=None).go()


def open_loop(port: int, clients: Sequence[Sequence[bytes]], seconds: float, every: float) -> Load:
    """Each client sends a request every `every` seconds, the clients spread evenly over that time.

    Time is counted from the moment at which a request was due: one that had to wait for its client's last answer has
    waited.
    """
    return _Run(port, clients, seconds, every).go()


class _Client:
    """One connection, and the requests it has still to send."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.port = port
        self.requests = requests
        self.socket: socket.socket | None = None
        self.sent = b""
        self.due = 0.0
        self.received = b""

    def send(self, payload: bytes, selector: selectors.BaseSelector) -> None:
        """Send, on a new connection if the server has closed the last one meanwhile."""
        self.sent, self.received = payload, b""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(self.socket, selectors.EVENT_READ, self)
        self.socket.sendall(payload)

    def close(self, selector: selectors.BaseSelector) -> None:
        """Give the connection up."""
        if self.socket is not None:
            selector.unregister(self.socket)
            self.socket.close()
            self.socket = None


class _Run:
    def __init__(self, port: int, clients: Sequence[Sequence[bytes]], seconds: float, every: float | None) -> None:
        self._clients = [_Client(port, iter(requests)) for requests in clients]
        self._seconds = seconds
        self._every = every
        self._selector = selectors.DefaultSelector()
        self._waiting: list[tuple[float, int]] = []
        self._open = 0
        self._load = Load()

    def go(self) -> Load:
        began, own = time.perf_counter(), time.process_time()
        for number, client in enumerate(self._clients):
            client.due = began + (self._every or 0.0) * number / len(self._clients)
            heapq.heappush(self._waiting, (client.due, number))
        self._end = began + self._seconds
        heard = began
        while self._open or self._waiting:
            self._send_due()
            if self._turn():
                heard = time.perf_counter()
            elif self._open and time.perf_counter() - heard > PATIENCE:
                raise TimeoutError(f"The server has said nothing for {PATIENCE:.0f} s.")
        self._load.seconds = time.perf_counter() - began
        self._load.own_seconds = time.process_time() - own
        for client in self._clients:
            client.close(self._selector)
        self._selector.close()
        return self._load

    def _send_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.perf_counter():
            due, number = heapq.heappop(self._waiting)
            client = self._clients[number]
            payload = next(client.requests, None) if due < self._end else None
            if payload is None:
                continue
            client.due = due
            client.send(payload, self._selector)
            self._open += 1

    def _turn(self) -> bool:
        pause = max(0.0, self._waiting[0][0] - time.perf_counter()) if self._waiting else 1.0
        events = self._selector.select(min(pause, 1.0))
        for key, _ in events:
            self._receive(key.data)
        return bool(events)

    def _receive(self, client: _Client) -> None:
        assert client.socket is not None
        try:
            piece = client.socket.recv(1 << 16)
        except ConnectionResetError:
            piece = b""
        if not piece:
            # An idle connection was closed by the server; one with a request under way is asked again, as a browser
            # does, and its time goes on.
            again = client.sent
            client.close(self._selector)
            if again:
                client.send(again, self._selector)
            return
        client.received += piece
        head, mark, body = client.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if mark else None
        if length is not None and len(body) >= int(length[1]):
            self._answered(client, head, body)

    def _answered(self, client: _Client, head: bytes, body: bytes) -> None:
        moment = time.perf_counter()
        status = int(head[9:12])
        self._load.milliseconds.append((moment - client.due) * 1000)
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        self._load.bodies.append(body)
        self._open -= 1
        client.sent = b""
        if _CLOSES.search(head):
            client.close(self._selector)
        due = moment if self._every is None else client.due + self._every
        if due < self._end:
            heapq.heappush(self._waiting, (due, self._clients.index(client)))
