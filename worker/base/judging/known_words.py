"""Write the list of known words: `python -m worker.base.judging.known_words --data DIR`.

It has the words that occur a few times in the corpora of the base checkpoint; the choice of what is shown avoids
rewrites with others (models/soundness.py).
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from models.soundness import WORDS, WORDS_FILE, number, words
from worker.base.texts.corpus import read_corpus, read_lines

_FEWEST = 3
_DRAWN_OUT = re.compile(r"(.)\1\1")


def known_words(lines: Iterable[str]) -> set[str]:
    """Return the words that occur on a few of the lines at least, without those with a drawn-out letter."""
    counts = Counter(word for line in lines for word in words(line))
    return {word for word, count in counts.items() if count >= _FEWEST and not _DRAWN_OUT.search(word)}


def lines_of(data: Path) -> Iterator[str]:
    """Yield the lines of all corpora, and people's rewrites of the training split."""
    for path in sorted((data / "corpus").glob("*.txt.gz")):
        yield from read_lines(path)
    for row in read_corpus(data).train:
        yield from row.rewrites


def main() -> None:
    """Write the list from the command line."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.judging.known_words", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--out", type=Path, default=WORDS_FILE, help="default %(default)s")
    options = parser.parse_args()
    numbers = sorted({number(word) for word in known_words(lines_of(options.data))})
    save_file({WORDS: np.array(numbers, dtype=np.uint32)}, options.out)
    print(f"{len(numbers)} words")


if __name__ == "__main__":
    main()
