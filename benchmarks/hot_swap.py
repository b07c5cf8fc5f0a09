"""Versions change places under load.

    python -m benchmarks.hot_swap [--moves 8] [--clients 8]

Starts the product on its embedded defaults with two published versions. Clients draw screens without pause, each as
soon as it has its answer, while `PUT /api/v1/aliases/serving` moves the alias to and fro. Every answer tells its
version. A request belongs to a swap if it was under way at any moment of the two seconds after a move was answered, and
otherwise to the steady state, which is the baseline: the same clients in the same run, between the swaps. A process has
followed once no later request is answered by the old version. Prints three lines of JSON.
"""

import argparse
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from app.db import make_sessions, write_transaction
from app.services.versions import versions
from benchmarks.support.harness import Finding, percentile
from benchmarks.support.screens import prepare
from benchmarks.support.screens_over_http import texts
from models.store.manifest import MANIFEST_NAME
from models.store.store import CheckpointStore
from tests.processes import ADMIN, Api, Product

SWAP_SECONDS = 2.0
STEADY_SECONDS = 4.0
GOAL_RATIO = 2.0


@dataclass(frozen=True)
class Screen:
    """One request: when it was asked and answered (seconds), and the version that drew it, 0 if it failed."""

    asked: float
    answered: float
    version: int

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.answered - self.asked) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=8)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, Product(Path(home) / "home", **ADMIN) as product:
        publish_second(product)
        screens: list[Screen] = []
        stop = threading.Event()
        clients = [
            threading.Thread(target=draw, args=(Api(product.port, desk.token), number, screens, stop))
            for number, desk in enumerate(prepare(product.home / "mellow.db", options.clients, 0))
        ]
        for client in clients:
            client.start()
        moves: list[tuple[float, int]] = []
        try:
            time.sleep(2 * STEADY_SECONDS)
            warm = time.monotonic() - STEADY_SECONDS
            for number in range(options.moves):
                version = 2 - number % 2
                product.api.ok("PUT", "/aliases/serving", {"version": version})
                moves.append((time.monotonic(), version))
                time.sleep(SWAP_SECONDS + STEADY_SECONDS)
        finally:
            stop.set()
            for client in clients:
                client.join()
    tell([screen for screen in screens if screen.asked >= warm], moves)


def tell(screens: list[Screen], moves: list[tuple[float, int]]) -> None:
    """The three claims."""
    failed = sum(screen.version == 0 for screen in screens)
    swap: list[float] = []
    steady: list[float] = []
    for screen in screens:
        moved = any(screen.asked < begun + SWAP_SECONDS and screen.answered > begun for begun, _ in moves)
        (swap if moved else steady).append(screen.milliseconds)
    Finding(
        claim="requests that failed while versions changed places",
        goal="0",
        met=failed == 0,
        measured={"failed": failed, "requests": len(screens), "moves": len(moves)},
    ).tell()
    during, between = percentile(swap, 99), percentile(steady, 99)
    Finding(
        claim="p99 of screens during a swap",
        goal=f"≤ {GOAL_RATIO:g} × steady",
        met=during <= GOAL_RATIO * between,
        measured={"p99_ms": during, "p50_ms": percentile(swap, 50), "screens": len(swap)},
        baseline="between the swaps",
        baseline_measured={"p99_ms": between, "p50_ms": percentile(steady, 50), "screens": len(steady)},
        ratio=between / during,
    ).tell()
    slowest = max(followed_after(screens, moves))
    Finding(
        claim="until every process answers with the new version",
        goal=f"≤ {SWAP_SECONDS:g} s",
        met=slowest <= SWAP_SECONDS,
        measured={"seconds": slowest},
    ).tell()


def followed_after(screens: list[Screen], moves: list[tuple[float, int]]) -> list[float]:
    """For each move the seconds until the last request was asked that the old version still answered."""
    ends = [begun for begun, _ in moves[1:]] + [float("inf")]
    return [
        max((s.asked - begun for s in screens if begun < s.asked < end and s.version not in (0, version)), default=0.0)
        for (begun, version), end in zip(moves, ends, strict=True)
    ]


def draw(api: Api, number: int, screens: list[Screen], stop: threading.Event) -> None:
    """One client, until it is to stop."""
    sentences = texts()
    while not stop.is_set():
        asked = time.monotonic()
        number += 1
        try:
            answer = api.call("POST", "/generations", {"text": sentences[number % len(sentences)]})
            version = answer.body["version"] if answer.status == 201 and answer.body["candidates"] else 0
        except OSError:
            version = 0
        screens.append(Screen(asked, time.monotonic(), version))


def publish_second(product: Product) -> None:
    """Publish the weights of version 1 once more, as version 2, the way a worker does."""
    store = CheckpointStore(product.home / "versions")
    with store.stage() as staged:
        shutil.copytree(store.folder(1), staged, dirs_exist_ok=True)
        (staged / MANIFEST_NAME).unlink()
        store.seal(staged, replace(store.manifest(1), number=2, parent=1))
        store.publish(staged, 2)
    sessions = make_sessions(f"sqlite:///{product.home / 'mellow.db'}")
    with sessions() as session, write_transaction(session):
        versions.record_version(session, store.verify(2), str(store.folder(2)))


if __name__ == "__main__":
    main()
