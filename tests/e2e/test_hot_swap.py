"""A new version takes over under load: nobody waits, nobody is refused, and every process follows."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import embedded_socket
from app.db import make_sessions, write_transaction
from app.queue import JobQueue
from app.services import versions
from models.store import CheckpointStore
from tests.processes import ADMIN, Product, wait_for

CLIENTS = 8
PROCESSES = 2
SWAP_SECONDS = 2.0


class Load:
    """Clients that draw screens without pause, and what they were answered: when they asked and by which version."""

    def __init__(self, product: Product) -> None:
        self.answers: list[tuple[float, int]] = []
        self.errors: list[str] = []
        self._product = product
        self._stop = threading.Event()

    def draw_without_pause(self) -> None:
        """One client."""
        while not self._stop.is_set():
            asked = time.monotonic()
            try:
                answer = self._product.api.call("POST", "/generations", {"text": "You are a stupid idiot"})
            except OSError as error:
                self.errors.append(repr(error))
                continue
            if answer.status == 201 and len(answer.body["candidates"]) == 3:
                self.answers.append((asked, answer.body["version"]))
            else:
                self.errors.append(repr(answer))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Draw while the block runs."""
        clients = [threading.Thread(target=self.draw_without_pause) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._stop.set()
            for client in clients:
                client.join()

    def wait_for_more(self) -> None:
        """Return once every client has been answered a few times more."""
        wanted = len(self.answers) + 3 * CLIENTS
        wait_for(lambda: len(self.answers) >= wanted, what="more answers")


def test_a_swap_under_load_fails_no_request(new_home: Callable[[], Path], published: CheckpointStore) -> None:
    with Product(new_home(), WEB_CONCURRENCY=str(PROCESSES), **ADMIN) as product:
        queue = JobQueue(f"unix://{embedded_socket(product.home)}")
        wait_for(lambda: len(queue.reports()) == PROCESSES, what="every process loaded")
        load = Load(product)
        moves: list[tuple[float, int]] = [(time.monotonic(), 1)]
        with load.running():
            load.wait_for_more()
            publish(product, published, 2)
            for version in (2, 1, 2):
                moves.append((move_alias(product, version), version))
                wait_until_all_serve(queue, version)
                load.wait_for_more()
        assert load.errors == []
        assert {version for _, version in load.answers} == {1, 2}
        for (begun, version), (ended, _) in zip(moves, [*moves[1:], (time.monotonic(), 0)], strict=True):
            settled = [answered for asked, answered in load.answers if begun + SWAP_SECONDS < asked < ended]
            assert set(settled) <= {version}, f"{settled} after the alias moved to {version}"


def publish(product: Product, published: CheckpointStore, number: int) -> None:
    """Add a version as a worker does: rename it into the store, then let the database know."""
    store = CheckpointStore(product.home / "versions")
    with store.stage() as staged:
        shutil.copytree(published.folder(number), staged, dirs_exist_ok=True)
        store.publish(staged, number)
    sessions = make_sessions(f"sqlite:///{product.home / 'mellow.db'}")
    with sessions() as session:
        with write_transaction(session):
            versions.record_version(session, store.verify(number), str(store.folder(number)))
        session.get_bind().dispose()  # type: ignore[union-attr]


def move_alias(product: Product, version: int) -> float:
    """Promote a version; returns the moment when that was answered."""
    assert product.api.ok("PUT", "/aliases/serving", {"version": version}) == {"version": version}
    return time.monotonic()


def wait_until_all_serve(queue: JobQueue, version: int) -> None:
    """AssertionError unless every web process serves the version within two seconds."""
    wait_for(
        lambda: [state.version for state in queue.reports().values()] == [version] * PROCESSES,
        timeout=SWAP_SECONDS,
        what=f"version {version} in every process",
    )
