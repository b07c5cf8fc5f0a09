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
from app.runtime.queue import JobQueue
from app.services.versions import versions
from benchmarks.support.screens import prepare
from models.store.store import CheckpointStore
from tests.processes import ADMIN, Api, Product, wait_for

CLIENTS = 8
PROCESSES = 2


class Load:
    """Clients that draw screens without pause, and what they were answered: when they asked and by which version."""

    def __init__(self, product: Product) -> None:
        self.answers: list[tuple[float, int]] = []
        self.errors: list[str] = []
        self._product = product
        self._stop = threading.Event()

    def draw_without_pause(self, api: Api) -> None:
        """One client."""
        while not self._stop.is_set():
            asked = time.monotonic()
            try:
                answer = api.call("POST", "/generations", {"text": "You are a stupid idiot"})
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
        tokens = [desk.token for desk in prepare(self._product.home / "mellow.db", CLIENTS, 0)]
        clients = [
            threading.Thread(target=self.draw_without_pause, args=(Api(self._product.port, token),)) for token in tokens
        ]
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
        spans: list[tuple[float, float, int]] = []
        with load.running():
            load.wait_for_more()
            publish(product, published, 2)
            for version in (2, 1, 2):
                move_alias(product, version)
                wait_until_all_serve(queue, version)
                settled = time.monotonic()
                load.wait_for_more()
                spans.append((settled, time.monotonic(), version))
        assert load.errors == []
        assert {version for _, version in load.answers} == {1, 2}
        for begun, ended, version in spans:
            answered = [by for asked, by in load.answers if begun < asked < ended]
            assert set(answered) == {version}, f"{answered} after every process served version {version}"


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


def move_alias(product: Product, version: int) -> None:
    """Promote a version."""
    assert product.api.ok("PUT", "/aliases/serving", {"version": version}) == {"version": version}


def wait_until_all_serve(queue: JobQueue, version: int) -> None:
    """Return once every web process serves the version; how soon that is, `benchmarks.hot_swap` measures."""
    wait_for(
        lambda: [state.version for state in queue.reports().values()] == [version] * PROCESSES,
        what=f"version {version} in every process",
    )
