"""Sixteen annotators at once, over HTTP, against the same requests one after another.

    python -m benchmarks.load.many_annotators [--rounds 4] [--seconds 6] [--processes 2] [--threads 0]

Starts the product on its embedded defaults. In every round, in turns, sixteen clients and one client ask for screens
without pause, each as soon as it has its answer; what they send are different sentences. The baseline, named
`one after another`, is the one client: the same product, requests and settings. Prints two lines of JSON.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.support.harness import Finding, interleaved, percentile
from benchmarks.support.load import Load, closed_loop
from benchmarks.support.screens_over_http import requests
from models.serving.generator import CANDIDATES
from tests.processes import ADMIN, Product

ANNOTATORS = 16
GOAL_RATIO = 3.0
GOAL_SPREAD = 4.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    settings = {"WEB_CONCURRENCY": str(options.processes), "SERVING_THREADS": str(options.threads)}
    with tempfile.TemporaryDirectory() as home, Product(Path(home) / "home", **ADMIN, **settings) as product:
        loads: dict[int, list[Load]] = {1: [], ANNOTATORS: []}

        def ask(clients: int) -> float:
            load = closed_loop(product.port, requests(clients, product.home), options.seconds)
            assert set(load.statuses) == {201}, load.statuses
            loads[clients].append(load)
            return CANDIDATES * load.rate

        ask(ANNOTATORS), ask(1)
        loads = {1: [], ANNOTATORS: []}
        seen = interleaved({"one": lambda: ask(1), "all": lambda: ask(ANNOTATORS)}, options.rounds)
    tell(seen, loads)


def tell(seen: dict[str, list[float]], loads: dict[int, list[Load]]) -> None:
    """Both claims."""
    alone = [milliseconds for load in loads[1] for milliseconds in load.milliseconds]
    together = [milliseconds for load in loads[ANNOTATORS] for milliseconds in load.milliseconds]
    rate, one_rate = statistics.median(seen["all"]), statistics.median(seen["one"])
    p50, p99 = percentile(together, 50), percentile(together, 99)
    Finding(
        claim=f"candidates a second, {ANNOTATORS} annotators at once",
        goal=f"≥ {GOAL_RATIO:g} × one after another",
        met=rate >= GOAL_RATIO * one_rate,
        measured={"candidates_per_second": rate},
        baseline="one after another",
        baseline_measured={
            "candidates_per_second": one_rate,
            "p50_ms": percentile(alone, 50),
            "p99_ms": percentile(alone, 99),
        },
        ratio=rate / one_rate,
    ).tell()
    Finding(
        claim=f"the slowest of {ANNOTATORS} annotators' screens",
        goal=f"p99 < {GOAL_SPREAD:g} × p50",
        met=p99 < GOAL_SPREAD * p50,
        measured={"p50_ms": p50, "p99_ms": p99, "screens": len(together)},
        baseline="p50 of the same screens",
        baseline_measured={"p50_ms": p50},
        ratio=p50 / p99,
    ).tell()


if __name__ == "__main__":
    main()
