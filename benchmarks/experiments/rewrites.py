"""Measure whether rewrites say something anew, or only delete and soften, and whether they are grammatical.

    python -m benchmarks.experiments.rewrites [--model DIR] [--texts 200]

For sources of ParaDetox's dev split, the same ones each time, the checkpoint's best rewrite and the three that are
shown, people's first rewrite and the source itself, as means over texts with 95 % intervals:

- `ungrammatical`: the share with a sentence of which a parser finds no complete parse (Link Grammar, which took no part
  in training or choosing; benchmarks/support/parses.py). Talk that leaves words out counts, too: the sources and
  people's rewrites say how much that is;
- `mistakes made`: the share in which a checker finds something by rule that it does not find in the source, words that
  do not exist among them (Harper, which took no part either; benchmarks/support/grammar.py says what counts);
- `new words`: the share with a word of content that the source has not (worker/measures/new_words.py);
- `new words, alike`: the share that has one and a meaning of at least 0.7 (MiniLM's cosine);
- `deletions`: the share whose words all stand in the source, in the same order.

Link Grammar is Debian's package link-grammar; Harper is installed into an environment of its own. ParaDetox is read
from MELLOW_SHARED_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from app.config import EMBEDDED_BASE_MODEL
from benchmarks.support.harness import ROOT, baseline_python
from benchmarks.support.parses import parsed
from models.serving.generator import Generator, Sampling
from worker.base.texts.corpus import Row, is_dev, read_paradetox
from worker.evaluation.scorers.loading import load_scorers
from worker.measures.intervals import SHARE, estimate
from worker.measures.new_words import is_deletion, new_words
from worker.measures.statistic import mean_of
from worker.publish.convert import convert_to_ctranslate2

HARPER = ["harper-py==0.2.0"]
CHECKER = ROOT / "benchmarks" / "support" / "grammar.py"
ALIKE = 0.7
_SEED = 20

Rewrites = Sequence[Sequence[str]]
"""Of each source the rewrites of one system."""
Found = Mapping[str, frozenset[tuple[str, str]]]
"""Findings of the checker in each text."""


def main() -> None:
    """Measure a checkpoint and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, default=EMBEDDED_BASE_MODEL, help="folder of the checkpoint (%(default)s)"
    )
    parser.add_argument("--texts", type=int, default=200, help="sources (%(default)s)")
    options = parser.parse_args()
    rows = sources(options.texts)
    systems = {**written(options.model, [row.toxic for row in rows]), "people": [row.rewrites[:1] for row in rows]}
    systems["source"] = [[row.toxic] for row in rows]
    print(table([row.toxic for row in rows], systems))


def sources(number: int) -> list[Row]:
    """Return so many rows of the dev split, the same ones each time."""
    data = Path(os.environ.get("MELLOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    dev = [row for row in read_paradetox(data / "paradetox.tsv") if is_dev(row.toxic)]
    return random.Random(_SEED).sample(dev, number)


def written(model: Path, texts: Sequence[str]) -> dict[str, Rewrites]:
    """Return the best rewrite and the shown ones of a checkpoint, as the studio serves it."""
    with tempfile.TemporaryDirectory() as folder:
        convert_to_ctranslate2(model, Path(folder) / "serving")
        generator = Generator(Path(folder) / "serving", 1, threads=1, seed=_SEED)
        screens = [generator.generate(text, Sampling()) for text in texts]
        shown = [[card.text for card in screen.candidates] for screen in screens]
        return {"best": [[generator.best(text)] for text in texts], "shown": shown}


def mistakes(texts: Sequence[str]) -> Found:
    """Return the findings of the checker in each of the texts."""
    every = list(dict.fromkeys(texts))
    python = baseline_python("harper", HARPER)
    told = subprocess.run([python, CHECKER], input=json.dumps(every), capture_output=True, text=True, check=True)
    return {
        text: frozenset((kind, words) for kind, words in found)
        for text, found in zip(every, json.loads(told.stdout), strict=True)
    }


def table(texts: Sequence[str], systems: Mapping[str, Rewrites]) -> str:
    """The figures of each system as a table of Markdown."""
    pairs = [
        (text, rewrite) for of in systems.values() for text, some in zip(texts, of, strict=True) for rewrite in some
    ]
    found = mistakes([one for pair in pairs for one in pair])
    rewrites = list(dict.fromkeys(rewrite for _, rewrite in pairs))
    whole = dict(zip(rewrites, parsed(rewrites), strict=True))
    alike = load_scorers(ROOT / "build" / "learning" / "cache").similarity
    meaning = dict(zip(pairs, alike(*map(list, zip(*pairs, strict=True))), strict=True))
    names = list(judged("", "", whole={"": True}, found={"": frozenset()}, meaning=1.0))
    lines = [f"| | {' | '.join(names)} |", "|" + " --- |" * (len(names) + 1)]
    for system, of in systems.items():
        means = [
            np.mean([list(judged(text, one, whole, found, meaning[text, one]).values()) for one in some], axis=0)
            for text, some in zip(texts, of, strict=True)
        ]
        lines.append(f"| {system} | {' | '.join(_said(np.array(means)))} |")
    return "\n".join(lines)


def judged(source: str, rewrite: str, whole: Mapping[str, bool], found: Found, meaning: float) -> dict[str, bool]:
    """Return the counts of one rewrite."""
    anew = bool(new_words(source, rewrite))
    return {
        "ungrammatical": not whole[rewrite],
        "mistakes made": bool(found[rewrite] - found[source]),
        "new words": anew,
        "new words, alike": anew and meaning >= ALIKE,
        "deletions": is_deletion(source, rewrite),
    }


def _said(means: np.ndarray) -> Iterator[str]:
    """Each column's mean with its interval, from the means of texts, (texts, columns)."""
    for column in means.T:
        figure = estimate(mean_of(column), SHARE)
        yield f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


if __name__ == "__main__":
    main()
