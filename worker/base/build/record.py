"""Write the record of what the base checkpoint was trained on, as every version has one.

    python -m worker.base.build.record --data DIR --out FOLDER

All sources and rewrites of ParaDetox's training rows count, and every line of the other corpora, whether or not a
training drew it. What `phrases.py` and the grammar of rudeness invent has no end and is not recorded: no text that a
version is tested on is among it (tests/worker/base/texts/test_held_out.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from models.store.trained_on import TrainedOn
from worker.base.texts.corpus import Corpus, read_corpus


def trained_texts(corpus: Corpus) -> Iterator[str]:
    """Yield every text of the corpora that a training may use."""
    for row in corpus.train:
        yield row.toxic
        yield from row.rewrites
    yield from corpus.neutral
    yield from corpus.hostile


def main() -> None:
    """Read the corpora of a data folder and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of paradetox.tsv and corpus/")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the checkpoint")
    options = parser.parse_args()
    record = TrainedOn().including(trained_texts(read_corpus(options.data)))
    record.write(options.out)
    print(f"{len(record.wordings):,} wordings are recorded in {options.out}.")


if __name__ == "__main__":
    main()
