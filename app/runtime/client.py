"""Tells a thread that works on an answer whether the client still waits for it.

gunicorn tells nobody: a thread learns of it when it sends the answer, which for a draw is too late. A browser that
stops a request closes its connection, and proxies then close theirs to Mellow, so the thread looks at the connection.
Nothing has to find the process that draws, of several on several machines.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any


def watched(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Return a function that tells whether the client of a request has gone; where it cannot be seen, it never has."""
    connection = environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket) or isinstance(connection, ssl.SSLSocket):
        return lambda: False
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return lambda: bool(waiting.poll(0)) and _has_ended(connection)


def _has_ended(connection: socket.socket) -> bool:
    """Return whether a connection from which something can be read is at its end; reads nothing of it."""
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
