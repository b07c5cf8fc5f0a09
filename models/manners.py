"""The manners in which a version can write, such as brief or formal, and how samples are divided among them.

A version that was taught manners reads one as the first token of a rewrite: a code that no text contains. Its
config.json has them as `manners`, which training keeps; the serving folder has the same in a file of its own. A version
without them writes in one manner, the plain one, which has no code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

MANNERS_FILE = "manners.json"
PLAIN = ""
"""The name of the manner without a code."""
MOST = 4
"""Manners of one screen: every one of them is a row that the encoder reads by itself, and takes time."""


def write_manners(folder: Path, codes: Mapping[str, str]) -> None:
    """Write the manners into a serving folder: the name of each and the token that stands for it."""
    (folder / MANNERS_FILE).write_text(json.dumps(codes, indent=1) + "\n", encoding="utf-8")


def read_manners(folder: Path) -> dict[str, str]:
    """Return the manners of a serving folder, each with its token; none if it has no such file."""
    path = folder / MANNERS_FILE
    if not path.is_file():
        return {}
    codes: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return codes


def divided(count: int, names: Sequence[str], chance: random.Random) -> tuple[str, ...]:
    """Return the manners among which `count` samples are divided evenly: the plain one, and others at random.

    They are as many as possible, MOST at most.
    """
    most = min(MOST, 1 + len(names))
    number = max(number for number in range(1, most + 1) if count % number == 0)
    return (PLAIN, *chance.sample(list(names), number - 1))
