"""A server that speaks as S3 does, in a process of its own, and the environment in which its buckets are reached.

It takes conditional puts and keeps its objects in a folder. It checks no credentials and knows no bulk deletion.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import free_port, wait_for


class ObjectServer:
    """The server, with its buckets as folders below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again if need be, with the objects that it had."""
        command = [sys.executable, "-m", "localbucket", str(self.root), "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers, what="the object store's start")

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def new_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"mellow-{uuid.uuid4().hex}"
        (self.root / name).mkdir()
        return name

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """One server for all tests."""
    server = ObjectServer(tmp_path_factory.mktemp("objects"))
    server.start()
    try:
        yield server
    finally:
        server.kill()


def environment(port: int) -> dict[str, str]:
    """The variables by which a process reaches a store on a port of this machine."""
    return {
        "AWS_ACCESS_KEY_ID": "mellow",
        "AWS_SECRET_ACCESS_KEY": "a secret of tests",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_DISABLE_BULK_DELETE": "true",
        "AWS_TIMEOUT": "5s",
    }


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets stores that are opened from now on be reached at a port: the server's, a proxy's or one of nobody."""

    def at(port: int) -> None:
        for name, value in environment(port).items():
            monkeypatch.setenv(name, value)

    return at


@pytest.fixture
def address(object_server: ObjectServer, reach: Callable[[int], None]) -> str:
    """The address of an empty place in a bucket of its own, which this process reaches."""
    reach(object_server.port)
    return f"s3://{object_server.new_bucket()}/studio"
