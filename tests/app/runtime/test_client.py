"""Whether the client of a request still waits for its answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from app.runtime.client import watched


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection: the server's, which waits a while for what is sent, and the client's."""
    server, client = socket.socketpair()
    server.settimeout(30)
    with server, client:
        yield server, client


def test_a_client_that_waits_is_there_also_if_it_has_sent_more(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    gone = watched({"gunicorn.socket": server})
    assert not gone()
    client.send(b"GET /the-next HTTP/1.1\r\n")
    assert not gone()
    assert server.recv(100) == b"GET /the-next HTTP/1.1\r\n", "nothing was taken of it"


def test_a_client_that_closes_its_connection_has_gone(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    gone = watched({"gunicorn.socket": server})
    client.close()
    assert gone()
    assert gone()


def test_a_connection_that_was_reset_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with server:
        server.send(b"an answer that nobody reads")
        client.recv(1)
        client.close()  # with something unread: a reset
        gone = watched({"gunicorn.socket": server})
        assert gone()


@pytest.mark.parametrize("environ", [{}, {"gunicorn.socket": None}])
def test_where_the_connection_cannot_be_seen_the_client_never_goes(environ: dict[str, object]) -> None:
    assert not watched(environ)()
