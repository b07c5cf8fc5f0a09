"""gunicorn's threaded worker, for the world outside: a thread sees a request only once all of it has arrived.

gunicorn's own gives a connection a thread at its first byte, so that a few clients that send half a header and then
nothing hold every thread for as long as they like. Here the loop that waits for connections collects headers and small
bodies, within a time. Large bodies are read by a few threads of their own, at no less than a speed. `/healthz` has a
thread of its own, so that it answers while all others are at work.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

REQUEST_SECONDS = 10.0
"""Bounds how long a client may take to send the headers and a small body, and to begin with a large one."""
SEND_SECONDS = 30.0
"""Bounds how long a client may take nothing of an answer."""
LARGEST_HEAD = 64 * 1024
LARGEST_COLLECTED_BODY = 128 * 1024
SLOWEST_BYTES_PER_SECOND = 50_000
BODY_THREADS = 4

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
_COMES_IN_PARTS = re.compile(rb"\r\n(transfer-encoding|expect):", re.IGNORECASE)
_HEALTH = re.compile(rb"(GET|HEAD) \S*/healthz[ ?]")


@dataclass(eq=False)
class _Arriving:
    """A request that has not arrived yet, as far as it has."""

    conn: Any
    deadline: float
    received: bytearray = field(default_factory=bytearray)
    awaited: int | None = None  # bytes altogether, known once its headers are there


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """A process of gunicorn whose threads work on whole requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: set[_Arriving] = set()

    def init_process(self) -> None:
        """Make the two further pools in the process that uses them, and run."""
        self._bodies = ThreadPoolExecutor(BODY_THREADS, thread_name_prefix="bodies")
        self._health = ThreadPoolExecutor(1, thread_name_prefix="health")
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Take a connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self.enqueue_req(_Conn(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Wait for the next request of a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.enqueue_req(conn)

    def enqueue_req(self, conn: Any) -> None:
        """Wait for the next request of a connection, of which some may have been read already."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        arriving = _Arriving(conn, time.monotonic() + REQUEST_SECONDS)
        self._arriving.add(arriving)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, arriving))
        if conn.parser is not None and (read_ahead := conn.parser.unreader.take_buffered()):
            self._take(arriving, read_ahead)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer; a client that does not take the answer loses its connection."""
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError as error:
            self.log.debug("Closing connection: %s", error)
            return False

    def murder_pending(self) -> None:
        """Close the connections whose requests did not arrive in time, and at the end those that have sent nothing."""
        super().murder_pending()
        now = time.monotonic()
        for arriving in list(self._arriving):
            if arriving.deadline <= now:
                self._refuse(arriving, "408 Request Timeout")
            elif not self.alive and not arriving.received:
                self._drop(arriving)

    def _receive(self, arriving: _Arriving, client: socket.socket) -> None:
        try:
            received = client.recv(LARGEST_HEAD)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            received = b""
        if received:
            self._take(arriving, received)
        else:
            self._drop(arriving)

    def _take(self, arriving: _Arriving, received: bytes) -> None:
        arriving.received += received
        if arriving.awaited is None:
            self._read_head(arriving)
        elif len(arriving.received) >= arriving.awaited:
            self._hand_over_whole(arriving)

    def _read_head(self, arriving: _Arriving) -> None:
        received = arriving.received
        end = received.find(_END_OF_HEAD)
        if end < 0:
            if len(received) > LARGEST_HEAD:
                self._refuse(arriving, "431 Request Header Fields Too Large")
            return
        head = bytes(received[: end + len(_END_OF_HEAD)])
        if _COMES_IN_PARTS.search(head):
            self._hand_over(arriving, self._bodies)
        else:
            length = int(found[1]) if (found := _LENGTH.search(head)) else 0
            arriving.awaited = len(head) + length
            if len(received) >= arriving.awaited:
                self._hand_over_whole(arriving)
            elif length > LARGEST_COLLECTED_BODY:
                self._hand_over(arriving, self._bodies)

    def _hand_over_whole(self, arriving: _Arriving) -> None:
        self._hand_over(arriving, self._health if _HEALTH.match(arriving.received) else self.tpool)

    def _hand_over(self, arriving: _Arriving, pool: Executor) -> None:
        """Let a thread go on with what has arrived."""
        self._forget(arriving)
        conn = arriving.conn
        conn.hand_over(bytes(arriving.received))
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def _refuse(self, arriving: _Arriving, status: str) -> None:
        if arriving.received:
            answer = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            with suppress(OSError):
                arriving.conn.sock.send(answer.encode())
        self._drop(arriving)

    def _drop(self, arriving: _Arriving) -> None:
        self._forget(arriving)
        self.nr_conns -= 1
        arriving.conn.close()

    def _forget(self, arriving: _Arriving) -> None:
        self._arriving.remove(arriving)
        with suppress(KeyError, ValueError, OSError):
            self.poller.unregister(arriving.conn.sock)


class _Conn(TConn):  # type: ignore[misc]  # gunicorn is untyped
    """A connection whose requests arrive as `WebWorker` hands them over."""

    parser: Any

    def init(self) -> None:
        """Bound how long a client may refuse to take what is sent to it."""
        if self.cfg.is_ssl:
            super().init()
        self.sock.settimeout(SEND_SECONDS)

    def hand_over(self, received: bytes) -> None:
        """Make what has arrived the next that the parser reads."""
        self.initialized = self.data_ready = True
        if self.parser is None:
            self.parser = http.get_parser(self.cfg, self.sock, self.client)
            self.parser.unreader = _TimedUnreader(self.sock)
        self.parser.unreader.begin(received)


class _TimedUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn is untyped
    """Reads what a thread still lacks of a request, unless the client takes too long over it."""

    def begin(self, received: bytes) -> None:
        """Begin with a request of which that has arrived."""
        self.unread(received)
        self._received = 0
        self._waited = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what comes next; raises TimeoutError, an OSError, if the client is slower than allowed."""
        left = REQUEST_SECONDS + self._received / SLOWEST_BYTES_PER_SECOND - self._waited
        if left <= 0:
            raise TimeoutError("The request did not arrive in time.")
        self.sock.settimeout(min(left, REQUEST_SECONDS))
        began = time.monotonic()
        try:
            received: bytes = super().chunk(size_hint)
        finally:
            self._waited += time.monotonic() - began
            self.sock.settimeout(SEND_SECONDS)
        self._received += len(received)
        return received
