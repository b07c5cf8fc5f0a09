"""Near-duplicates of the texts that versions are tested on, found in time linear in the number of words.

A text is a near-duplicate of another one if both have the same wording (models/formats/splitting.py), if five or more
words in their order are all they have but for one word that either may have besides, or if they share eight words in a
row. Each of these is one look into a sorted list, so that it takes the same time however many texts are tested on.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.formats.splitting import split_key

FEWEST = 5
"""Words that two texts must share which differ in one."""
RUN = 8
"""Words in a row that two texts share only if one quotes the other."""
_LONGEST = 3 * RUN
"""Of a longer text, one word more, less or elsewhere leaves a run of all others."""

# A letter by itself in the scripts that put no spaces between words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


@dataclass(frozen=True)
class Likeness:
    """The text that versions are tested on which another one is like, and whether they have the same wording."""

    text: str
    same: bool


class TestedTexts:
    """Texts that versions are tested on, to be asked what is like one of them.

    Memory holds the texts, and twelve bytes for each of their signatures, of which a text has about as many as words.
    """

    __test__ = False  # pytest takes classes named Test… for tests

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts: list[str] = []
        self._same: dict[str, int] = {}
        marks, owners = array("q"), array("i")
        for text in texts:
            if self._same.setdefault(split_key(text), len(self._texts)) < len(self._texts):
                continue
            for mark in _signatures(_words(text)):
                marks.append(mark)
                owners.append(len(self._texts))
            self._texts.append(text)
        order = np.argsort(marks_of := np.array(marks, np.int64), kind="stable")
        self._marks, self._owners = marks_of[order], np.array(owners, np.int32)[order]

    def like(self, text: str) -> Likeness | None:
        """Return one of the texts that this one is a near-duplicate of, None if there is none."""
        known = self._same.get(split_key(text))
        if known is not None:
            return Likeness(self._texts[known], same=True)
        marks = np.array(list(_signatures(_words(text))), np.int64)
        if not len(marks) or not len(self._marks):
            return None
        places = np.searchsorted(self._marks, marks)
        hits = places[self._marks[np.minimum(places, len(self._marks) - 1)] == marks]
        return Likeness(self._texts[self._owners[hits[0]]], same=False) if len(hits) else None


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _signatures(words: Sequence[str]) -> Iterator[int]:
    """Yield hashes of which two texts share one if they are near-duplicates: of all words, all but one, each run."""
    if FEWEST <= len(words) <= _LONGEST:
        yield hash(tuple(words))
    if FEWEST < len(words) <= _LONGEST:
        for place in range(len(words)):
            yield hash((*words[:place], *words[place + 1 :]))
    for first in range(len(words) - RUN + 1):
        yield hash(("", *words[first : first + RUN]))
