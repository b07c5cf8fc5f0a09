"""Scorers that can be worked out by hand, and a tiny T5 in its serving form."""

from collections.abc import Sequence

import pytest

from models.formats.files.pair_files import PairRow
from worker.evaluation.scorers import Scorers
from worker.evaluation.testset import TestSet


class WordScorer:
    """The mark of a text is `found` if it holds one of the words, else `other`."""

    version = "1"

    def __init__(self, name: str, words: Sequence[str], found: float, other: float) -> None:
        self.name = name
        self._words, self._found, self._other = set(words), found, other

    def __call__(self, texts: Sequence[str]) -> list[float]:
        return [self._found if self._words & set(text.split()) else self._other for text in texts]


class SharedWords:
    """The share of the source's words that the rewrite keeps."""

    name, version = "shared words", "1"

    def __call__(self, sources: Sequence[str], rewrites: Sequence[str]) -> list[float]:
        pairs = zip(sources, rewrites, strict=True)
        return [len(set(a.split()) & set(b.split())) / len(set(a.split())) for a, b in pairs]


@pytest.fixture
def scorers() -> Scorers:
    """Toxic is what holds "idiot" or "dumb"; unacceptable (0.5) what holds "is is"'s broken word "brokn"."""
    return Scorers(
        toxicity=WordScorer("words", ["idiot", "dumb"], 0.9, 0.1),
        similarity=SharedWords(),
        fluency=WordScorer("spelling", ["brokn"], 0.5, 1.0),
    )


@pytest.fixture
def tests() -> TestSet:
    """Three sources; the last has no reference."""
    return TestSet(
        "three texts",
        (
            PairRow(2, "you dumb person", ("you person", "you silly person")),
            PairRow(3, "what an idiot", ("what a person",)),
            PairRow(4, "good idea", ()),
        ),
    )
