"""Clicks while others are slow or stay: 200 half-sent requests and 200 open run pages, against a studio left alone.

    python -m benchmarks.load.slow_clients [--rounds 3] [--seconds 20] [--slow 200] [--pages 200] [--worker gthread]

Starts the product on its embedded defaults. Sixteen annotators click once a second each (open loop). In turns they are
alone, and beside so many connections that send half of a request's headers and nothing else, each replaced as soon as
it is closed, and so many run pages that follow a run which waits, as a browser does: it comes again when a stream
ends, after as long as it was told. `/healthz` is asked once a second. `--worker gthread` runs gunicorn's own worker
instead of ours, for comparison. Prints a line of JSON.
"""

from __future__ import annotations

import argparse
import re
import selectors
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.support.harness import Finding, percentile
from benchmarks.support.load import Load, open_loop, request
from benchmarks.support.screens import prepare
from tests.processes import ADMIN, ADMIN_TOKEN, Product

ANNOTATORS = 16
GOAL_MILLISECONDS = 1000.0
HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Never-Ends: "
RETRY = re.compile(rb"retry: (\d+)")


class Crowd:
    """Connections that are opened again and again: half-sent requests, and streams of a run."""

    def __init__(self, port: int, slow: int, pages: int, stream: bytes) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, bytes]] = [(0.0, HALF)] * slow + [(0.0, stream)] * pages
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.opened = 0

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            now = time.monotonic()
            due = [payload for at, payload in self._due if at <= now]
            self._due = [(at, payload) for at, payload in self._due if at > now]
            for payload in due:
                self._open(payload)
            for key, _ in self._selector.select(timeout=0.05):
                self._read(key)

    def _open(self, payload: bytes) -> None:
        client = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        client.sendall(payload)
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ, [payload, 3.0])
        self.opened += 1

    def _read(self, key: selectors.SelectorKey) -> None:
        client = key.fileobj
        assert isinstance(client, socket.socket)
        received = b""
        with suppress(OSError):
            received = client.recv(65536)
        if found := RETRY.search(received):
            key.data[1] = int(found[1]) / 1000
        if not received:
            self._selector.unregister(client)
            client.close()
            payload, pause = key.data
            self._due.append((time.monotonic() + (pause if payload != HALF else 0.0), payload))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--worker", default="", help="another worker class of gunicorn")
    options = parser.parse_args()
    other = {"GUNICORN_CMD_ARGS": f"--worker-class {options.worker}"} if options.worker else {}
    with tempfile.TemporaryDirectory() as home, Product(Path(home) / "home", **ADMIN, **other) as product:
        product.api.click("You are a stupid idiot, number one")
        next(one for one in product.find("rq.serializers") if one.name() not in ("sh", "dash", "bash")).suspend()
        run = product.api.ok("POST", "/training-runs", {"method": "dpo"})["id"]
        stream = request("GET", f"/api/v1/training-runs/{run}/events", {"Authorization": f"Bearer {ADMIN_TOKEN}"})
        alone, beside = [], []
        opened = 0
        for _ in range(options.rounds):
            alone.append(click(product, options.seconds))
            with Crowd(product.port, options.slow, options.pages, stream) as crowd:
                time.sleep(2.0)
                beside.append(click(product, options.seconds))
                opened += crowd.opened
    tell(alone, beside, opened, options)


def click(product: Product, seconds: float) -> Load:
    """Sixteen annotators and a probe of the health, once a second each."""
    desks = prepare(product.home / "mellow.db", ANNOTATORS, int(seconds) + 1)
    probe = [request("GET", "/healthz", {})] * (int(seconds) + 1)
    return open_loop(product.port, [probe, *(desk.clicks() for desk in desks)], seconds, 1.0)


def tell(alone: list[Load], beside: list[Load], opened: int, options: argparse.Namespace) -> None:
    """One claim."""
    quiet, loud = ([one for load in loads for one in load.milliseconds] for loads in (alone, beside))
    refused = sum(count for load in beside for status, count in load.statuses.items() if status not in (200, 201))
    Finding(
        claim=f"a click beside {options.slow} slow clients and {options.pages} open run pages"
        + (f", {options.worker}" if options.worker else ""),
        goal=f"p99 below {GOAL_MILLISECONDS:g} ms",
        met=percentile(loud, 99) < GOAL_MILLISECONDS and not refused,
        measured={
            "p50_ms": percentile(loud, 50),
            "p99_ms": percentile(loud, 99),
            "max_ms": max(loud),
            "requests": len(loud),
            "refused": refused,
            "connections": opened,
            "rounds": options.rounds,
        },
        baseline="the same clicks alone",
        baseline_measured={"p50_ms": percentile(quiet, 50), "p99_ms": percentile(quiet, 99)},
        ratio=percentile(quiet, 99) / percentile(loud, 99),
    ).tell()


if __name__ == "__main__":
    main()
