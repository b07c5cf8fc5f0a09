"""Screens from two versions: what a second version in memory and three pools cost, against one version alone.

    python -m benchmarks.experiments.two_versions [--rounds 3]

The versions are two copies of the embedded checkpoint, and a head that learned from twenty clicks on the longest card
chooses, as it does in a studio. `processor time of a mixed screen`: sentence by sentence, in turns with an ordinary
screen of one version. `mixed_share` is the share of sentences, many of them polite, of which the two fill three cards;
`all_times_as_long` is the ratio over all, with the ordinary screens that follow where they cannot. `quality` is the
mean quality of the cards (models/serving/choosing.py), which mixing is not to lower. `resident set`: a process that
has loaded the web side answers 60 requests, eight at a time, of one version or of two. Prints two lines of JSON.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, cycle
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as gunicorn.conf.py has it, and for its reason

from app.config import EMBEDDED_BASE_MODEL, PROJECT_ROOT
from benchmarks.support.harness import Finding, interleaved
from benchmarks.support.screens_over_http import texts
from models.reward.head import Head, fitted
from models.reward.judgments import JudgedScreen
from models.serving.choosing import read
from models.serving.generator import Generator, Sampling
from models.serving.mixed import mixed
from models.serving.screen import Screen

CLICKS = 20
PROCESSES = 3
GOAL_TIME = 1.15
GOAL_MEMORY = 1.4
PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import psutil
import app
from benchmarks.experiments.two_versions import head_of, screen, texts
from models.serving.generator import Generator
versions = [Generator(Path(sys.argv[1]), number, threads=1, seed=number) for number in range(1, int(sys.argv[2]) + 1)]
head = head_of(versions[0])
with ThreadPoolExecutor(8) as requests:
    list(requests.map(lambda text: screen(text, versions, head), texts()))
print("resident", psutil.Process().memory_info().rss)
"""


def main() -> None:
    """Measure and print."""
    from worker.publish.convert import convert_to_ctranslate2  # here, so that the processes measured do not load torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        serving = Path(folder) / "serving"
        convert_to_ctranslate2(EMBEDDED_BASE_MODEL, serving)
        versions = [Generator(serving, number, threads=1, seed=number) for number in (1, 2)]
        head = head_of(versions[0])
        measure_time(versions, head, rounds * len(texts()))
        sizes = interleaved({number: lambda number=number: resident(serving, number) for number in (1, 2)}, PROCESSES)  # type: ignore[misc]
    alone, both = (statistics.median(sizes[number]) for number in (1, 2))
    Finding(
        claim="resident set with a second version",
        goal=f"≤ {GOAL_MEMORY:g} × that of one",
        met=both <= GOAL_MEMORY * alone,
        measured={"megabytes": both, "times_as_much": both / alone},
        baseline="one version",
        baseline_measured={"megabytes": alone},
        ratio=alone / both,
    ).tell()


def measure_time(versions: Sequence[Generator], head: Head, screens: int) -> None:
    """The claim about processor time."""
    sentences: dict[int, Iterator[str]] = {1: cycle(texts()), 2: cycle(texts())}
    kept: dict[int, list[tuple[str, Screen]]] = {1: [], 2: []}

    def once(number: int) -> float:
        text = next(sentences[number])
        began = time.process_time()
        found = screen(text, versions[:number], head)
        taken = (time.process_time() - began) * 1000
        kept[number].append((text, found))
        return taken

    every = interleaved({1: lambda: once(1), 2: lambda: once(2)}, screens)
    by_both = ["mixed" in found.sampling for _, found in kept[2]]
    alone, both = (statistics.fmean(compress(every[number], by_both)) for number in (1, 2))
    Finding(
        claim="processor time of a mixed screen",
        goal=f"≤ {GOAL_TIME:g} × that of an ordinary one",
        met=both <= GOAL_TIME * alone,
        measured={
            "mean_ms": both,
            "times_as_long": both / alone,
            "quality": quality(compress(kept[2], by_both)),
            "mixed_share": statistics.fmean(by_both),
            "all_times_as_long": sum(every[2]) / sum(every[1]),
        },
        baseline="an ordinary screen of the same text, with a head",
        baseline_measured={"mean_ms": alone, "quality": quality(compress(kept[1], by_both))},
        ratio=alone / both,
    ).tell()


def screen(text: str, versions: Sequence[Generator], head: Head) -> Screen:
    """A screen as it is shown: mixed if there are two versions and they can, and otherwise an ordinary one."""
    serving, *others = versions
    found = [mixed(text, serving, other, Sampling(), head) for other in others]
    return next(filter(None, found), None) or serving.generate(text, Sampling(), head=head)


def head_of(generator: Generator) -> Head:
    """A head that learned from clicks on the longest card."""
    rows = []
    for text in texts()[:CLICKS]:
        cards = generator.generate(text, Sampling()).candidates
        longest = max(range(len(cards)), key=lambda place: len(cards[place].text))
        rows.append(JudgedScreen([card.features for card in cards], (longest,)))
    return fitted(rows)


def quality(screens: Iterable[tuple[str, Screen]]) -> float:
    """The mean quality of all cards."""
    return statistics.fmean(
        reading.quality for text, one in screens for reading in read(text, [card.text for card in one.candidates])
    )


def resident(serving: Path, versions: int) -> float:
    """Megabytes of a process with so many versions."""
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROCESS, str(serving), str(versions)]
    said = subprocess.run(command, cwd=PROJECT_ROOT, env=variables, check=True, capture_output=True, text=True).stdout
    return int(said.split()[-1]) / 1e6


if __name__ == "__main__":
    main()
