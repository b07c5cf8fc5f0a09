"""A web process: how soon it is ready, how much memory it keeps, and what it does not load.

    python -m benchmarks.web_process [--boots 5]

Makes a home with the embedded checkpoint, thirty clicks and a second version with the same weights, then starts
gunicorn in it, with two web processes, several times: seconds from exec until /readyz answers 200. Then both processes
answer requests for screens, which the reward head of those clicks chooses, and the resident set of each is read: all
its pages, those shared with others included. Of pages that are shared, the proportional set counts a share. In the
last round the two versions change places three times, screens are drawn after each time, and the sets are read once
more. The baseline is the same number of processes, started at the same time, that load transformers, PyTorch and the
same checkpoint, make one generate call each and end. Whether PyTorch is loaded is read from the memory map of each
process. Prints four lines of JSON.
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
from typing import NamedTuple

import psutil

from app.config import EMBEDDED_BASE_MODEL, PROJECT_ROOT
from app.runtime.embedded_queue import EmbeddedQueue
from benchmarks.hot_swap import publish_second
from benchmarks.support.harness import Finding
from benchmarks.support.load import closed_loop
from benchmarks.support.screens_over_http import requests, texts
from tests.processes import ADMIN, BIN, PATIENCE, Api, Product, Program, environment, free_port, read_rows

PROCESSES = 2
GOAL_SECONDS = 2.0
GOAL_MEGABYTES = 160.0
CLICKS = 30
SWAPS = (2, 1, 2)
SWAP_SECONDS = 5.0
BASELINE = f"""
import psutil
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
folder = {str(EMBEDDED_BASE_MODEL)!r}
tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder)
model.generate(**tokenizer("You are dumb", return_tensors="pt"), do_sample=True, num_return_sequences=3)
print("ready", psutil.Process().memory_info().rss, flush=True)
"""


class Size(NamedTuple):
    """Megabytes of the largest web process: its resident and its proportional set."""

    resident: float
    proportional: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boots", type=int, default=5)
    boots = parser.parse_args().boots
    seconds: list[float] = []
    theirs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        prepare_home(home)
        with EmbeddedQueue(home):
            for boot in range(boots):
                with booted(home) as (port, ready, gunicorn):
                    seconds.append(ready)
                    draw(port, home)
                    size, loaded = size_of(gunicorn), libraries_of_torch(gunicorn)
                    if boot == boots - 1:
                        swap(port, home)
                        swapped = size_of(gunicorn)
                theirs.append(baseline())
        assert read_rows(home / "mellow.db", "SELECT head_id FROM generations ORDER BY id DESC LIMIT 1") != [(None,)]
    slow, large = (statistics.median(figures) for figures in zip(*theirs, strict=True))
    tell_seconds(statistics.median(seconds), slow)
    tell_size("resident set of the larger web process", size, large)
    tell_size("resident set of the larger web process after three hot swaps", swapped, large)
    tell_libraries(loaded)


def prepare_home(home: Path) -> None:
    """Make a studio with clicks, from which a reward head learns, and two versions."""
    with Product(home, **ADMIN) as product:
        product.learn_from_quick_answers()
        for text in texts()[:CLICKS]:
            product.api.click(text)
        publish_second(product)


def tell_seconds(ready: float, theirs: float) -> None:
    """Print how soon the web processes are ready."""
    Finding(
        claim="from exec to ready",
        goal=f"≤ {GOAL_SECONDS:g} s",
        met=ready <= GOAL_SECONDS,
        measured={"seconds": ready},
        baseline="the same checkpoint loaded in transformers, without a server",
        baseline_measured={"seconds": theirs},
        ratio=theirs / ready,
    ).tell()


def tell_size(claim: str, size: Size, theirs: float) -> None:
    """Print how large the larger web process is."""
    Finding(
        claim=claim,
        goal=f"≤ {GOAL_MEGABYTES:g} MB",
        met=size.resident <= GOAL_MEGABYTES,
        measured={"megabytes": size.resident, "proportional_megabytes": size.proportional},
        baseline="the same checkpoint in transformers",
        baseline_measured={"megabytes": theirs},
        ratio=theirs / size.resident,
    ).tell()


def tell_libraries(loaded: list[str]) -> None:
    """Print what is loaded of PyTorch."""
    print(f"Loaded of PyTorch: {loaded or 'nothing'}", file=sys.stderr)
    Finding(
        claim="libraries of PyTorch in a web process",
        goal="none",
        met=not loaded,
        measured={"libraries": len(loaded)},
    ).tell()


@contextmanager
def booted(home: Path, processes: int = PROCESSES, **settings: str) -> Iterator[tuple[int, float, Program]]:
    """A gunicorn that is ready: its port, the seconds that took, and the program."""
    port = free_port()
    variables = environment(home, PORT=str(port), **ADMIN, WEB_CONCURRENCY=str(processes), **settings)
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


def draw(port: int, home: Path) -> None:
    """Have all web processes draw screens for some seconds, some twenty each."""
    assert set(closed_loop(port, requests(8, home), 4.0).statuses) == {201}


def swap(port: int, home: Path) -> None:
    """Let the versions change places, and draw screens with each."""
    for version in SWAPS:
        Api(port).ok("PUT", "/aliases/serving", {"version": version})
        time.sleep(SWAP_SECONDS)
        draw(port, home)


def size_of(gunicorn: Program) -> Size:
    """Return the size of the largest web process."""
    sets = [process.memory_full_info() for process in psutil.Process(gunicorn.pid).children()]
    return Size(max(one.rss for one in sets) / 1e6, max(one.pss for one in sets) / 1e6)


def libraries_of_torch(gunicorn: Program) -> list[str]:
    """Return the files of PyTorch that are mapped into a web process."""
    web = psutil.Process(gunicorn.pid).children()
    files = {mapped.path for process in web for mapped in process.memory_maps()}
    return sorted(path for path in files if "/torch/" in path)


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
