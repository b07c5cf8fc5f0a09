"""Which words tell two texts apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

MOST_WORDS = 800
"""Longer texts are shown as they are: comparing takes time that grows with the product of both lengths."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


class Kind(StrEnum):
    """In both texts, only in the one that is compared with, or only in the one that is shown."""

    SAME = "same"
    MISSING = "missing"
    OWN = "own"


class Piece(NamedTuple):
    """A stretch of text, and in which of the two it is found."""

    kind: Kind
    text: str


def between(reference: str, shown: str) -> list[Piece]:
    """`shown` in pieces, with what `reference` has instead before each piece of its own; upper case counts as other.

    The pieces that are not MISSING are `shown`; those that are not OWN are `reference`.
    """
    theirs, ours = _WORDS.findall(reference), _WORDS.findall(shown)
    if max(len(theirs), len(ours)) > MOST_WORDS:
        return [Piece(Kind.SAME, shown)]
    return list(_pieces(theirs, ours))


def _pieces(theirs: Sequence[str], ours: Sequence[str]) -> Iterator[Piece]:
    """White space that two changes have between them belongs to both: words change as a phrase, not one by one."""
    missing, own, gap = "", "", ""
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        there, here = "".join(theirs[i1:i2]), "".join(ours[j1:j2])
        if kind != "equal":
            missing, own, gap = missing + gap + there, own + gap + here, ""
        elif (missing or own) and here.isspace():
            gap = here
        else:
            yield from _change(missing, own)
            yield Piece(Kind.SAME, here)
            missing, own = "", ""
    yield from _change(missing, own)
    if gap:
        yield Piece(Kind.SAME, gap)


def _change(missing: str, own: str) -> Iterator[Piece]:
    if missing:
        yield Piece(Kind.MISSING, missing)
    if own:
        yield Piece(Kind.OWN, own)
