"""Write rewrites to train the judge on: `python -m worker.base.teaching.pool --data DIR --model CHECKPOINT --out FILE`.

The model rewrites ParaDetox's training sources and rude lines without a rewrite, with beams and samples; no dev
sentence is among them. The file has one JSON object a line: `{"source": …, "rewrites": […]}`. `python -m
benchmarks.experiments.fluency_labels` makes the lines that `read_labels` reads from its texts.
"""

import argparse
import json
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

import ctranslate2

from models.serving.neutrality import Neutrality
from worker.base.teaching.covered import Token
from worker.base.teaching.select import Writer, rude_sentences
from worker.base.texts.corpus import read_corpus

log = logging.getLogger(__name__)

_BEAMS = 8
_SAMPLES = 12
_AT_ONCE = 256


@dataclass(frozen=True)
class Written:
    """A text and a model's rewrites of it."""

    source: str
    rewrites: tuple[str, ...]


class Label(NamedTuple):
    """A language model's scores of a text: acceptability, in 0 … 1, and its tokens."""

    acceptability: float
    tokens: Sequence[Token]


def read_pool(path: Path) -> list[Written]:
    """Read the rewrites of a file that this module wrote."""
    with path.open(encoding="utf-8") as lines:
        return [Written(row["source"], tuple(row["rewrites"])) for row in map(json.loads, lines)]


def write_pool(pool: Iterable[Written], path: Path) -> None:
    """Write a file for `read_pool`, line by line as rewrites come in."""
    with path.open("w", encoding="utf-8") as lines:
        for one in pool:
            lines.write(json.dumps({"source": one.source, "rewrites": one.rewrites}, ensure_ascii=False) + "\n")


def read_labels(path: Path) -> dict[str, Label]:
    """Read labels of texts: lines of [text, acceptability, [[end, log-probability, rarity], …]]."""
    with path.open(encoding="utf-8") as lines:
        return {
            text: Label(float(acceptability), [Token(*token) for token in tokens])
            for text, acceptability, tokens in map(json.loads, lines)
        }


def write_label(text: str, label: Label, lines: TextIO) -> None:
    """Write a line for `read_labels`."""
    lines.write(json.dumps([text, label.acceptability, label.tokens], ensure_ascii=False) + "\n")


def written(sources: Sequence[str], writer: Writer) -> Iterator[Written]:
    """Yield the rewrites of every source, computed in chunks."""
    for start in range(0, len(sources), _AT_ONCE):
        chunk = sources[start : start + _AT_ONCE]
        for source, rewrites in zip(chunk, writer(chunk), strict=True):
            yield Written(source, tuple(rewrites))
        log.info("%d of %d sentences", start + len(chunk), len(sources))


def main() -> None:
    """Write rewrites of the training corpora."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.teaching.pool", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--model", type=Path, required=True, help="CTranslate2 folder of the model that writes")
    parser.add_argument("--out", type=Path, required=True, help="file the rewrites are written to")
    parser.add_argument("--sources", type=int, default=8_192, help="texts that are rewritten (default %(default)s)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    rng = random.Random(11)
    ctranslate2.set_random_seed(11)
    corpus = read_corpus(options.data)
    rows = rude_sentences(corpus, Neutrality(), len(corpus.train) // 2, rng)
    rng.shuffle(rows)
    writer = Writer(options.model, beams=_BEAMS, samples=_SAMPLES)
    write_pool(written([row.toxic for row in rows[: options.sources]], writer), options.out)


if __name__ == "__main__":
    main()
