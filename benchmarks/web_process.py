"""A web process: how soon it is ready, how much memory it keeps, and what it does not load.

    python -m benchmarks.web_process [--boots 5]

Makes a home with the embedded checkpoint, then starts gunicorn in it, with two web processes, several times: seconds
from exec until /readyz answers 200. Then both processes answer requests for screens, and the resident set of each is
read: all its pages, those shared with others included. The baseline of either figure is the same number of processes,
started at the same time, that load transformers, PyTorch and the same checkpoint, make one generate call each and end.
Whether PyTorch is loaded is read from the memory map of each process. Prints three lines of JSON.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

from app.config import EMBEDDED_BASE_MODEL, PROJECT_ROOT
from app.runtime.embedded_queue import EmbeddedQueue
from benchmarks.support.harness import Finding
from benchmarks.support.load import closed_loop
from benchmarks.support.screens_over_http import requests
from tests.processes import ADMIN, BIN, PATIENCE, Product, Program, environment, free_port

PROCESSES = 2
GOAL_SECONDS = 2.0
GOAL_MEGABYTES = 200.0
BASELINE = f"""
import psutil
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
folder = {str(EMBEDDED_BASE_MODEL)!r}
tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder)
model.generate(**tokenizer("You are dumb", return_tensors="pt"), do_sample=True, num_return_sequences=3)
print("ready", psutil.Process().memory_info().rss, flush=True)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boots", type=int, default=5)
    boots = parser.parse_args().boots
    seconds: list[float] = []
    theirs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with Product(home, **ADMIN):
            pass
        with EmbeddedQueue(home):
            for _ in range(boots):
                with booted(home) as (port, ready, gunicorn):
                    seconds.append(ready)
                    sizes, loaded = looked_at(port, home, gunicorn)
                theirs.append(baseline())
    slow, large = (statistics.median(figures) for figures in zip(*theirs, strict=True))
    tell(statistics.median(seconds), max(sizes), loaded, slow, large)


def tell(ready: float, size: float, loaded: list[str], their_seconds: float, their_size: float) -> None:
    """The three claims."""
    Finding(
        claim="from exec to ready",
        goal=f"≤ {GOAL_SECONDS:g} s",
        met=ready <= GOAL_SECONDS,
        measured={"seconds": ready},
        baseline="the same checkpoint loaded in transformers, without a server",
        baseline_measured={"seconds": their_seconds},
        ratio=their_seconds / ready,
    ).tell()
    Finding(
        claim="resident set of the larger web process",
        goal=f"≤ {GOAL_MEGABYTES:g} MB",
        met=size <= GOAL_MEGABYTES,
        measured={"megabytes": size},
        baseline="the same checkpoint in transformers",
        baseline_measured={"megabytes": their_size},
        ratio=their_size / size,
    ).tell()
    print(f"Loaded of PyTorch: {loaded or 'nothing'}", file=sys.stderr)
    Finding(
        claim="libraries of PyTorch in a web process",
        goal="none",
        met=not loaded,
        measured={"libraries": len(loaded)},
    ).tell()


@contextmanager
def booted(home: Path) -> Iterator[tuple[int, float, Program]]:
    """A gunicorn that is ready: its port, the seconds that took, and the program."""
    port = free_port()
    variables = environment(home, PORT=str(port), **ADMIN, WEB_CONCURRENCY=str(PROCESSES))
    began = time.perf_counter()
    with Program([str(BIN / "gunicorn"), "app:create_app()"], variables) as gunicorn:
        while not answers(port):
            assert time.perf_counter() - began < PATIENCE, gunicorn.tail()
            time.sleep(0.005)
        yield port, time.perf_counter() - began, gunicorn


def answers(port: int) -> bool:
    """Whether /readyz answers 200."""
    with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def looked_at(port: int, home: Path, gunicorn: Program) -> tuple[list[float], list[str]]:
    """Megabytes of each web process after some load, and the files of PyTorch that are mapped into one of them."""
    assert set(closed_loop(port, requests(8, home), 4.0).statuses) == {201}
    web = psutil.Process(gunicorn.pid).children()
    files = {mapped.path for process in web for mapped in process.memory_maps()}
    return [process.memory_info().rss / 1e6 for process in web], sorted(path for path in files if "/torch/" in path)


def baseline() -> tuple[float, float]:
    """Seconds until every process of the baseline is ready, and the megabytes of the larger one."""
    command = [sys.executable, "-c", BASELINE]
    began = time.perf_counter()
    started = [
        subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(PROCESSES)
    ]
    said = [process.communicate()[0] for process in started]
    seconds = time.perf_counter() - began
    return seconds, max(float(line.split()[-1]) for line in said) / 1e6


if __name__ == "__main__":
    main()
