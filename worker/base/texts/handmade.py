"""Two hundred inputs, written by hand to look at what a checkpoint makes of them; no training may use one.

handmade.tsv has the kind of each, what a good rewrite keeps and what it loses, separated by "|".
"""

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

from models.formats.splitting import split_key

HANDMADE_FILE = Path(__file__).with_name("handmade.tsv")
POLITE = "polite"
"""The kind of the inputs that may stay as they are."""


@dataclass(frozen=True)
class Input:
    """A text and the words and phrases that a good rewrite of it keeps and loses."""

    kind: str
    text: str
    keeps: tuple[str, ...]
    loses: tuple[str, ...]


@functools.cache
def handmade_inputs() -> tuple[Input, ...]:
    """Read the inputs, in the order of the file."""
    with HANDMADE_FILE.open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(Input(row["kind"], row["text"], _listed(row["keeps"]), _listed(row["loses"])) for row in rows)


@functools.cache
def handmade_wordings() -> frozenset[str]:
    """Return the wordings of the inputs."""
    return frozenset(split_key(one.text) for one in handmade_inputs())


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(filter(None, cell.split("|")))
