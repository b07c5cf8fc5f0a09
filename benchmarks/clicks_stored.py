"""Clicks stored a second through HTTP, and how long one waits, against annotations stored by Label Studio.

    python -m benchmarks.clicks_stored [--rounds 3] [--seconds 8] [--clients 50] [--postgresql]

Both run whole, each as it starts by itself: Mellow by its launcher with two web processes on SQLite (WAL, every commit
on the disk before it is answered), Label Studio 1.23 by `label-studio start`, on SQLite too. Screens and tasks are
there before; a request stores one choice. The same generator loads both, in turns, from this machine, in one thread;
what it took of the processor is told, and what the web processes took for a click. There are two kinds of load: every
client sends its next click as soon as the last one is answered (closed loop), or every client clicks once a second
whatever happens (open loop), which is still faster than people read. Afterwards the database is looked into: exactly
what was acknowledged must be there. Prints three lines of JSON.

With --postgresql the baseline is Mellow on SQLite, and what is measured is the same Mellow on a PostgreSQL of this
machine that waits for the disk, too, with its own defaults.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from benchmarks.support.bulk import Place, writing
from benchmarks.support.harness import Finding, interleaved, percentile
from benchmarks.support.label_studio import VERSION, LabelStudio
from benchmarks.support.load import Load, closed_loop, open_loop
from benchmarks.support.screens import prepare
from tests.postgres import new_database, running_postgres
from tests.processes import ADMIN, Product

GOAL_RATIO = 100.0
GOAL_RATIO_TO_SQLITE = 1.0
GOAL_MILLISECONDS = 50.0
EVERY = 1.0
_BASELINE = f"Label Studio {VERSION}, annotations through its API"
_OUR_CLICKS, _THEIR_CLICKS = 400, 40  # a client and round, more than can be stored


@dataclass(frozen=True)
class Comparison:
    """Says what is compared with what, and what the ratio should be."""

    baseline: str
    goal: str
    ratio: float
    kind: str = ""


AGAINST_LABEL_STUDIO = Comparison(_BASELINE, f"at least {GOAL_RATIO:g}x Label Studio", GOAL_RATIO)
AGAINST_SQLITE = Comparison(
    "Mellow on SQLite", f"at least {GOAL_RATIO_TO_SQLITE:g}x SQLite's", GOAL_RATIO_TO_SQLITE, " on PostgreSQL"
)


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
    parser.add_argument("--postgresql", action="store_true", help="measure Mellow on PostgreSQL, against SQLite")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        product = stack.enter_context(Product(Path(folder) / "mellow", WEB_CONCURRENCY="2", **ADMIN))
        place: Place = product.home / "mellow.db"
        ours = on_sqlite = _mellow(product, place)
        if wanted.postgresql:
            url = stack.enter_context(new_database(stack.enter_context(running_postgres(durable=True)), "clicks"))
            home = Path(folder) / "postgresql"
            product = stack.enter_context(Product(home, WEB_CONCURRENCY="2", DATABASE_URL=url, **ADMIN))
            place, ours = url, _mellow(product, url)
            comparison, theirs = AGAINST_SQLITE, on_sqlite
        else:
            (Path(folder) / "label-studio").mkdir()
            studio = stack.enter_context(LabelStudio(Path(folder) / "label-studio"))
            studio.wait_until_ready()
            comparison, theirs = AGAINST_LABEL_STUDIO, _label_studio(studio)
        run(ours, theirs, comparison, wanted.rounds, wanted.seconds, wanted.clients)
        check(place, [*ours.closed, *ours.open])


def run(ours: Server, theirs: Server, comparison: Comparison, rounds: int, seconds: float, clients: int) -> None:
    """Measure in turns and tell the three findings."""
    both = {"ours": ours, "theirs": theirs}
    for server in both.values():
        server.saturate(clients, 2.0)  # everything is loaded
        server.closed, server.spent = [], 0.0
    saturated = {name: (lambda server=server: server.saturate(clients, seconds)) for name, server in both.items()}
    rates = {name: statistics.median(seen) for name, seen in interleaved(saturated, rounds).items()}
    steady = {name: (lambda server=server: server.click_on(clients, seconds)) for name, server in both.items()}
    interleaved(steady, rounds)
    answered = sum(len(load.milliseconds) for load in ours.closed)
    Finding(
        claim=f"clicks stored a second{comparison.kind}, {clients} clients",
        goal=comparison.goal,
        met=rates["ours"] >= comparison.ratio * rates["theirs"],
        measured={
            "stored_per_second": rates["ours"],
            "web_processor_ms_a_click": 1000 * ours.spent / answered,
            "generator_processor_ms_a_click": 1000 * sum(load.own_seconds for load in ours.closed) / answered,
        },
        baseline=comparison.baseline,
        baseline_measured={"stored_per_second": rates["theirs"]},
        ratio=rates["ours"] / rates["theirs"],
    ).tell()
    # Label Studio cannot keep up with one click a second of each: its requests only queue, which is no baseline.
    steady_baseline = theirs.open if comparison is AGAINST_SQLITE else ()
    tell_latency(
        f"a click{comparison.kind}, {clients} clients, each once a second", comparison, ours.open, steady_baseline
    )
    tell_latency(f"a click{comparison.kind}, {clients} clients without a pause", comparison, ours.closed, theirs.closed)


def tell_latency(claim: str, comparison: Comparison, ours: Sequence[Load], theirs: Sequence[Load]) -> None:
    """Tell the percentiles over all rounds together, beside those of the baseline, if it has any."""
    seen = _percentiles(ours)
    baseline = _percentiles(theirs) if theirs else {}
    Finding(
        claim=claim,
        goal=f"p99 below {GOAL_MILLISECONDS:g} ms",
        met=seen["p99_ms"] < GOAL_MILLISECONDS,
        measured=seen,
        baseline=comparison.baseline if baseline else "",
        baseline_measured=baseline,
        ratio=baseline["p99_ms"] / seen["p99_ms"] if baseline else None,
    ).tell()


def check(database: Place, loads: Sequence[Load]) -> None:
    """Every judgment that was acknowledged is in the database, once; raises SystemExit otherwise."""
    acknowledged = [json.loads(body)["id"] for load in loads for body in load.bodies if b'"id"' in body]
    with writing(database) as bulk:
        found = set(bulk.column("SELECT id FROM judgments"))
    if len(set(acknowledged)) != len(acknowledged) or not found.issuperset(acknowledged):
        raise SystemExit("What was acknowledged is not what is stored.")
    print(f"All of {len(acknowledged):,} acknowledged clicks are in the database, each once.", file=sys.stderr)


def stored(load: Load) -> int:
    """How many requests were answered with 201."""
    return load.statuses.get(HTTPStatus.CREATED, 0)


def _mellow(product: Product, database: Place) -> Server:
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
