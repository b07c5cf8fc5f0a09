"""The web worker against clients that are slow, silent or greedy, in a real gunicorn."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from app.config import PROJECT_ROOT
from app.runtime import web_worker
from tests.processes import free_port, wait_for

pytestmark = pytest.mark.long

THREADS = 2
CONF = f"""
from app.runtime import web_worker
web_worker.REQUEST_SECONDS = {{seconds}}
web_worker.SEND_SECONDS = {{seconds}}
worker_class = "app.runtime.web_worker.WebWorker"
workers = 1
threads = {THREADS}
loglevel = "warning"
control_socket_disable = True
"""
APP = """
import threading
from app.runtime.client import watched
OPEN = threading.Event()
LEFT = threading.Event()
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/wait":
        OPEN.wait(60)
    if path == "/open":
        OPEN.set()
    if path == "/much":
        start_response("200 OK", [])
        return [b"x" * 50_000_000]
    if path == "/until-gone":
        gone = watched(environ)
        while not gone():
            OPEN.wait(0.01)
        LEFT.set()
    if path == "/left":
        LEFT.wait(20)
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(str(len(body)))))])
    return [str(len(body)).encode()]
"""


class Server:
    """A gunicorn with two threads, whose patience with a request and with who takes an answer is `seconds`."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.port = free_port()
        (folder / "conf.py").write_text(CONF.format(seconds=seconds))
        (folder / "tiny_app.py").write_text(APP)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gunicorn",
                    "-c",
                    str(folder / "conf.py"),
                    "-b",
                    f"127.0.0.1:{self.port}",
                    "tiny_app:app",
                ],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": f"{PROJECT_ROOT}{os.pathsep}{folder}"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST" if body is not None else "GET", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answers(self) -> bool:
        try:
            return self.ask("/")[0] == 200
        except OSError:
            return False


@contextmanager
def serving(folder: Path, seconds: float) -> Iterator[Server]:
    running = Server(folder, seconds)
    try:
        wait_for(running.answers, what="an answer of gunicorn")
        yield running
    finally:
        running.process.terminate()
        running.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Be as patient as a test that waits for the end of it can be."""
    with serving(tmp_path_factory.mktemp("gunicorn"), 1.0) as running:
        yield running


@pytest.fixture(scope="module")
def patient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Be so patient that a busy machine loses nothing of a request that goes on."""
    with serving(tmp_path_factory.mktemp("gunicorn"), 60.0) as running:
        yield running


def rest(client: socket.socket) -> bytes:
    """What the server still says until it closes the connection."""
    said = b""
    while received := client.recv(65536):
        said += received
    return said


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_clients_that_send_half_a_request_hold_no_thread_and_are_sent_away(server: Server, begun: bytes) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(20 * THREADS)]
        for client in clients:
            client.sendall(begun)
        assert server.ask("/") == (200, b"0")
        answers = {rest(client).partition(b"\r\n")[0] for client in clients}
    assert answers == {b"HTTP/1.1 408 Request Timeout" if begun else b""}


def test_a_head_that_trickles_in_is_whole_in_the_end(patient_server: Server) -> None:
    with patient_server.connect() as client:
        for part in (b"GET / HT", b"TP/1.1\r\nHost: x\r\nConnection: clo", b"se\r\n", b"\r", b"\n"):
            client.sendall(part)
            assert patient_server.ask("/")[0] == 200
        assert rest(client).endswith(b"\r\n\r\n0")


@pytest.mark.parametrize("size", [0, 1, 1000, web_worker.LARGEST_COLLECTED_BODY + 1, 3_000_000])
def test_a_body_of_any_size_arrives_whole_and_the_connection_is_kept(patient_server: Server, size: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", patient_server.port, timeout=20)
    for _ in range(3):
        connection.request("POST", "/", b"x" * size)
        assert connection.getresponse().read() == str(size).encode()
    connection.request("POST", "/", iter([b"y" * 70_000] * 3), encode_chunked=True)
    assert connection.getresponse().read() == b"210000"
    connection.close()


def test_requests_that_come_in_one_piece_are_answered_one_after_the_other(patient_server: Server) -> None:
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with patient_server.connect() as client:
        client.sendall(one + one + last[:20])
        client.sendall(last[20:])
        said = rest(client)
    assert said.count(b"200 OK") == 3
    assert said.count(b"\r\n\r\n3") == 2


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(patient_server: Server) -> None:
    with patient_server.connect() as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
        )
        assert client.recv(65536).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(b"abc")
        assert rest(client).endswith(b"\r\n\r\n3")


def test_large_bodies_that_stop_take_no_thread_from_others_and_end(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(2 * web_worker.BODY_THREADS)]
        for client in clients:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 1000)
        assert server.ask("/") == (200, b"0")
        for client in clients:
            assert b"200 OK" not in rest(client)
        assert server.ask("/", b"x" * 200_000) == (200, b"200000")


def test_a_head_without_end_is_refused(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (web_worker.LARGEST_HEAD + 1))
        assert client.recv(65536).startswith(b"HTTP/1.1 431 ")


def test_health_answers_while_every_thread_works(server: Server) -> None:
    waiting = [threading.Thread(target=server.ask, args=("/wait",)) for _ in range(2 * THREADS)]
    for thread in waiting:
        thread.start()
    try:
        began = time.monotonic()
        assert server.ask("/healthz")[0] == 200
        assert time.monotonic() - began < 5
    finally:
        with server.connect() as client:  # goes to a thread for bodies, since the others wait
            client.sendall(
                b"POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
            )
            assert b"200 OK" in rest(client)
        for thread in waiting:
            thread.join()


def test_half_a_request_for_the_health_does_not_hold_its_thread(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(server.connect())
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        began = time.monotonic()
        assert server.ask("/healthz")[0] == 200
        assert time.monotonic() - began < 4


def test_a_client_that_takes_nothing_of_its_answer_loses_it_and_nothing_is_logged(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS):
            stack.enter_context(server.connect()).sendall(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.ask("/") == (200, b"0")  # once both threads have lost their patience
    assert server.log.read_text() == ""


def test_a_thread_sees_that_its_client_has_gone(patient_server: Server) -> None:
    client = patient_server.connect()
    client.sendall(b"GET /until-gone HTTP/1.1\r\nHost: mellow\r\n\r\n")
    with ThreadPoolExecutor(1) as beside:
        left = beside.submit(patient_server.ask, "/left")
        client.close()
        assert left.result(30)[0] == 200
    assert patient_server.answers(), "and is free for others"
