"""Measure what drawing in several manners costs: the processor time of a screen with and without them.

    python -m benchmarks.experiments.manners [--model DIR] [--rounds 3]

The same checkpoint is served twice: with the manners that it says it has, and without. One that has none, as the
embedded one, gets the codes all the same, which shows what the rows cost; what it writes after a code that it never
learned is no rewrite, and often of another length. Sentence by sentence, in turns. Prints a line of JSON.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from itertools import cycle
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as gunicorn.conf.py has it, and for its reason

from tokenizers import Tokenizer

from app.config import EMBEDDED_BASE_MODEL
from benchmarks.support.harness import Finding, interleaved
from benchmarks.support.screens_over_http import texts
from models.manners import MANNERS_FILE, write_manners
from models.serving.generator import Generator, Sampling
from worker.base.rephrase.codes import manner_tokens
from worker.publish.convert import convert_to_ctranslate2

GOAL_MILLISECONDS = 57.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, default=EMBEDDED_BASE_MODEL, help="folder of the checkpoint (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="times that every sentence is rewritten (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain, mannered = Path(folder) / "plain", Path(folder) / "mannered"
        convert_to_ctranslate2(options.model, mannered)
        shutil.copytree(mannered, plain)
        if (plain / MANNERS_FILE).exists():
            (plain / MANNERS_FILE).unlink()
        else:
            write_manners(mannered, manner_tokens(Tokenizer.from_file(str(plain / "tokenizer.json"))))
        versions = {place.name: Generator(place, 1, threads=1, seed=1) for place in (plain, mannered)}
        sentences = {name: cycle(texts()) for name in versions}

        def once(name: str) -> float:
            text = next(sentences[name])
            began = time.process_time()
            versions[name].generate(text, Sampling())
            return (time.process_time() - began) * 1000

        seen = interleaved({name: lambda name=name: once(name) for name in versions}, options.rounds * len(texts()))  # type: ignore[misc]
    medians = {name: statistics.median(times) for name, times in seen.items()}
    Finding(
        claim="processor time of a screen in several manners",
        goal=f"≤ {GOAL_MILLISECONDS:g} ms",
        met=medians["mannered"] <= GOAL_MILLISECONDS,
        measured={"p50_ms": medians["mannered"], "mean_ms": statistics.fmean(seen["mannered"])},
        baseline="the same checkpoint in the plain manner alone",
        baseline_measured={"p50_ms": medians["plain"], "mean_ms": statistics.fmean(seen["plain"])},
        ratio=medians["plain"] / medians["mannered"],
    ).tell()


if __name__ == "__main__":
    main()
