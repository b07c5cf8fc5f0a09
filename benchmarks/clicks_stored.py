"""Clicks stored a second through HTTP, and how long one waits, against annotations stored by Label Studio.

    python -m benchmarks.clicks_stored [--rounds 3] [--seconds 8] [--clients 50]

Both run whole, each as it starts by itself: Mellow by its launcher with two web processes on SQLite (WAL, every commit
on the disk before it is answered), Label Studio 1.23 by `label-studio start`, on SQLite too. Screens and tasks are
there before; a request stores one choice. The same generator loads both, in turns, from this machine, in one thread;
what it took of the processor is told, and what the web processes took for a click. There are two kinds of load: every
client sends its next click as soon as the last one is answered (closed loop), or every client clicks once a second
whatever happens (open loop), which is still faster than people read. Afterwards the database is looked into: exactly
what was acknowledged must be there. Prints three lines of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from benchmarks.support.harness import Finding, interleaved, percentile
from benchmarks.support.label_studio import VERSION, LabelStudio
from benchmarks.support.load import Load, closed_loop, open_loop
from benchmarks.support.screens import prepare
from tests.processes import ADMIN, Product

GOAL_RATIO = 100.0
GOAL_MILLISECONDS = 50.0
EVERY = 1.0
_BASELINE = f"Label Studio {VERSION}, annotations through its API"
_OUR_CLICKS, _THEIR_CLICKS = 400, 40  # a client and round, more than can be stored


@dataclass
class Server:
    """One of the two: how to prepare requests for so many clients, and what its loads have met."""

    port: int
    requests: Callable[[int, int], list[list[bytes]]]
    most: int
    processor: Callable[[], float]
    closed: list[Load] = field(default_factory=list)
    open: list[Load] = field(default_factory=list)
    spent: float = 0.0

    def saturate(self, clients: int, seconds: float) -> float:
        """One round of the closed loop; returns what was stored a second."""
        prepared, before = self.requests(clients, self.most), self.processor()
        self.closed.append(closed_loop(self.port, prepared, seconds))
        self.spent += self.processor() - before
        return stored(self.closed[-1]) / self.closed[-1].seconds

    def click_on(self, clients: int, seconds: float) -> float:
        """One round of the open loop; returns the 99th percentile of the milliseconds."""
        prepared = self.requests(clients, int(seconds / EVERY) + 1)
        self.open.append(open_loop(self.port, prepared, seconds, EVERY))
        return percentile(self.open[-1].milliseconds, 99)


def main() -> None:
    """Start both, load them in turns, look into our database, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--clients", type=int, default=50)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "mellow", Path(folder) / "label-studio"
        theirs.mkdir()
        with Product(ours, WEB_CONCURRENCY="2", **ADMIN) as product, LabelStudio(theirs) as studio:
            studio.wait_until_ready()
            mellow, label_studio = _mellow(product), _label_studio(studio)
            run(mellow, label_studio, wanted.rounds, wanted.seconds, wanted.clients)
            check(product, [*mellow.closed, *mellow.open])


def run(mellow: Server, label_studio: Server, rounds: int, seconds: float, clients: int) -> None:
    """Measure in turns and tell the three findings."""
    both = {"mellow": mellow, "label_studio": label_studio}
    for server in both.values():
        server.saturate(clients, 2.0)  # everything is loaded
        server.closed, server.spent = [], 0.0
    saturated = {name: (lambda server=server: server.saturate(clients, seconds)) for name, server in both.items()}
    rates = {name: statistics.median(seen) for name, seen in interleaved(saturated, rounds).items()}
    steady = {name: (lambda server=server: server.click_on(clients, seconds)) for name, server in both.items()}
    interleaved(steady, rounds)
    closed, opened = ({name: getattr(server, kind) for name, server in both.items()} for kind in ("closed", "open"))
    answered = sum(len(load.milliseconds) for load in mellow.closed)
    Finding(
        claim=f"clicks stored a second, {clients} clients",
        goal=f"at least {GOAL_RATIO:g}x Label Studio",
        met=rates["mellow"] >= GOAL_RATIO * rates["label_studio"],
        measured={
            "stored_per_second": rates["mellow"],
            "web_processor_ms_a_click": 1000 * mellow.spent / answered,
            "generator_processor_ms_a_click": 1000 * sum(load.own_seconds for load in mellow.closed) / answered,
        },
        baseline=_BASELINE,
        baseline_measured={"stored_per_second": rates["label_studio"]},
        ratio=rates["mellow"] / rates["label_studio"],
    ).tell()
    # Label Studio cannot keep up with one click a second of each: its requests only queue, which is no baseline.
    tell_latency(f"a click, {clients} clients, each once a second", opened["mellow"])
    tell_latency(f"a click, {clients} clients without a pause", closed["mellow"], closed["label_studio"])


def tell_latency(claim: str, ours: Sequence[Load], theirs: Sequence[Load] = ()) -> None:
    """Tell the percentiles over all rounds together, beside those of the baseline, if it has any."""
    seen = _percentiles(ours)
    baseline = _percentiles(theirs) if theirs else {}
    Finding(
        claim=claim,
        goal=f"p99 below {GOAL_MILLISECONDS:g} ms",
        met=seen["p99_ms"] < GOAL_MILLISECONDS,
        measured=seen,
        baseline=_BASELINE if baseline else "",
        baseline_measured=baseline,
        ratio=baseline["p99_ms"] / seen["p99_ms"] if baseline else None,
    ).tell()


def check(product: Product, loads: Sequence[Load]) -> None:
    """Every judgment that was acknowledged is in the database, once; raises SystemExit otherwise."""
    acknowledged = [json.loads(body)["id"] for load in loads for body in load.bodies if b'"id"' in body]
    found = {row[0] for row in product.rows("SELECT id FROM judgments")}
    if len(set(acknowledged)) != len(acknowledged) or not found.issuperset(acknowledged):
        raise SystemExit("What was acknowledged is not what is stored.")
    print(f"All of {len(acknowledged):,} acknowledged clicks are in the database, each once.", file=sys.stderr)


def stored(load: Load) -> int:
    """How many requests were answered with 201."""
    return load.statuses.get(HTTPStatus.CREATED, 0)


def _mellow(product: Product) -> Server:
    database = product.home / "mellow.db"

    def processor() -> float:
        times = [process.cpu_times() for process in product.find("gunicorn")]
        return sum(one.user + one.system for one in times)

    def requests(clients: int, each: int) -> list[list[bytes]]:
        return [desk.clicks() for desk in prepare(database, clients, each)]

    return Server(product.port, requests, _OUR_CLICKS, processor)


def _label_studio(studio: LabelStudio) -> Server:
    def requests(clients: int, each: int) -> list[list[bytes]]:
        tasks = studio.tasks(clients * each)
        return [studio.annotations(tasks[client::clients]) for client in range(clients)]

    return Server(studio.port, requests, _THEIR_CLICKS, lambda: 0.0)


def _percentiles(loads: Sequence[Load]) -> dict[str, float]:
    waited = [one for load in loads for one in load.milliseconds]
    answers = sum(len(load.milliseconds) for load in loads)
    refused = answers - sum(map(stored, loads))
    return {
        "p50_ms": percentile(waited, 50),
        "p99_ms": percentile(waited, 99),
        "max_ms": max(waited),
        "clicks": answers,
        "refused": refused,
    }


if __name__ == "__main__":
    main()
