"""The words in which two texts differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

MOST_WORDS = 300
"""Longer texts are not compared: the time grows with the product of both lengths."""
_WORDS = re.compile(r"(\w+|[^\w\s]|\A(?=\s))(\s*)")

Word = tuple[str, str]
"""A word or a mark, and the white space after it; the word is empty for white space at the start of a text."""


class Kind(StrEnum):
    """The texts that a piece is in: both, only the reference, or only the text that is shown."""

    SAME = "same"
    MISSING = "missing"
    OWN = "own"


class Piece(NamedTuple):
    """A stretch of text, and the texts that it is in."""

    kind: Kind
    text: str


def between(reference: str, shown: str) -> list[Piece]:
    """Split `shown` into pieces, with the reference's words before each piece that replaces them; case counts.

    The pieces that are not MISSING are `shown`; those that are not OWN are `reference`.
    """
    theirs, ours = _WORDS.findall(reference), _WORDS.findall(shown)
    if max(len(theirs), len(ours)) > MOST_WORDS:
        return [Piece(Kind.SAME, shown)]
    return list(_pieces(theirs, ours))


def _pieces(theirs: Sequence[Word], ours: Sequence[Word]) -> Iterator[Piece]:
    """Yield pieces; adjacent changes are joined, so that a phrase changes as a whole."""
    missing, own, same = "", "", ""
    for there, here in _stretches(theirs, ours):
        if there != here:
            if same:
                yield Piece(Kind.SAME, same)
            missing, own, same = missing + there, own + here, ""
        elif here:
            ending = _common_space(missing, own)
            yield from _change(missing.removesuffix(ending), own.removesuffix(ending))
            missing, own, same = "", "", same + ending + here
    ending = _common_space(missing, own)
    yield from _change(missing.removesuffix(ending), own.removesuffix(ending))
    if same + ending:
        yield Piece(Kind.SAME, same + ending)


def _stretches(theirs: Sequence[Word], ours: Sequence[Word]) -> Iterator[tuple[str, str]]:
    """Yield the two texts side by side. Words are aligned without the white space after them, which may differ."""
    matcher = SequenceMatcher(None, [word for word, _ in theirs], [word for word, _ in ours], autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind != "equal":
            yield _joined(theirs[i1:i2]), _joined(ours[j1:j2])
            continue
        for (word, after_theirs), (_, after_ours) in zip(theirs[i1:i2], ours[j1:j2], strict=True):
            yield word, word
            yield after_theirs, after_ours


def _joined(words: Sequence[Word]) -> str:
    return "".join(word + space for word, space in words)


def _common_space(one: str, other: str) -> str:
    """Return the white space that both end with."""
    ends = zip(reversed(one), reversed(other), strict=False)
    length = sum(1 for _ in takewhile(lambda marks: marks[0] == marks[1] and marks[0].isspace(), ends))
    return one[len(one) - length :]


def _change(missing: str, own: str) -> Iterator[Piece]:
    if missing:
        yield Piece(Kind.MISSING, missing)
    if own:
        yield Piece(Kind.OWN, own)
