"""A reverse proxy that gives Mellow a path of its host, as nginx or Caddy do."""

from __future__ import annotations

import http.client
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.processes import PATIENCE

PIECE = 16 * 1024
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "date", "server"})


class PathProxy:
    """Listens on 127.0.0.1, sends what lies below `path` to a port there, and answers 404 to everything else."""

    def __init__(self, port: int, path: str) -> None:
        self.path = path
        self.strays: list[str] = []

        class Handler(_Handler):
            proxy, target = self, port

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # a response ends with its connection, so that events pass as they come
    proxy: PathProxy
    target: int

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if self.raw_requestline and self.parse_request():
            self._forward()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _forward(self) -> None:
        below = self.path.removeprefix(self.proxy.path)
        if below == self.path or not below.startswith("/"):
            self.proxy.strays.append(self.path)
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        headers |= {"X-Forwarded-Prefix": self.proxy.path, "X-Forwarded-For": self.client_address[0]}
        headers |= {"X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Proto": "http"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.target, timeout=PATIENCE)) as connection:
            connection.request(self.command, below, body or None, headers)
            self._answer(connection.getresponse())

    def _answer(self, response: http.client.HTTPResponse) -> None:
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        try:
            while piece := response.read1(PIECE):
                self.wfile.write(piece)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the browser has left the page
