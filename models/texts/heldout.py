"""The texts that every version is tested on, which no training and no builder may use."""

from __future__ import annotations

import functools
from pathlib import Path

from models.formats.files.pair_files import read_pair_file
from models.formats.rows import Text
from models.formats.splitting import split_key

HELDOUT_FILE = Path(__file__).with_name("heldout.tsv")
HELD_OUT_ONE_IN = 10
"""Of the wordings that people judge, one in so many tests versions and is not trained on."""


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read the pairs of a file that comes with Mellow and must have no bad row; raises `PairFileError`."""
    file = read_pair_file(path)
    file.check_usable()
    return file.pairs


def heldout_pairs() -> list[tuple[str, str]]:
    """Return the (source, rewrite) pairs of heldout.tsv, written for evaluation and never trained on."""
    return read_pairs(HELDOUT_FILE)


@functools.cache
def measured_wordings() -> frozenset[str]:
    """Return the wordings of all sources and rewrites of heldout.tsv."""
    return frozenset(split_key(text) for pair in heldout_pairs() for text in pair)


def is_measured(text: Text) -> bool:
    """Return whether every version is tested on a text, or prompt, of this wording."""
    return split_key(text) in measured_wordings()
