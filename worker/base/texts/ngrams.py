"""Fluency of a rewrite by n-gram counts over the corpora.

Only new parts of a rewrite are scored: trigrams that also occur in the source are skipped. What remains is where
something was cut out or inserted, and where a rewrite breaks: "it was being an last night".
"""

import math
from collections import Counter
from collections.abc import Iterable

from worker.base.texts.corpus import tokens

Gram = tuple[str, ...]
_DISCOUNT = 0.75
_TOLERATED = -0.5


class Ngrams:
    """Uni-, bi- and trigram counts, interpolated by absolute discounting (Ney, Essen & Kneser 1994)."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._counts: Counter[Gram] = Counter()
        self._followed: Counter[Gram] = Counter()
        self._followers: Counter[Gram] = Counter()
        for text in texts:
            padded = _padded(text)
            for place in range(2, len(padded)):
                for size in (1, 2, 3):
                    self._count(tuple(padded[place + 1 - size : place + 1]))

    def _count(self, gram: Gram) -> None:
        self._counts[gram] += 1
        self._followed[gram[:-1]] += 1
        if self._counts[gram] == 1:
            self._followers[gram[:-1]] += 1

    def probability(self, gram: Gram) -> float:
        """Return P(last word | the words before it)."""
        if not gram:
            return 1 / (1 + self._followers[()])
        before = gram[:-1]
        seen = self._followed[before]
        lower = self.probability(gram[1:])
        if not seen:
            return lower
        left = _DISCOUNT * self._followers[before] / seen
        return max(0.0, self._counts[gram] - _DISCOUNT) / seen + left * lower

    def association(self, gram: Gram) -> float:
        """Return log P(last word | the words before it) − log P(last word), below 0 for an improbable combination."""
        return math.log(self.probability(gram)) - math.log(self.probability(gram[-1:]))

    def worst_new(self, source: str, rewrite: str) -> float:
        """Return the lowest association of the rewrite's trigrams that its source does not have; at most 0."""
        known = set(_trigrams(source))
        return min([0.0, *(self.association(run) for run in _trigrams(rewrite) if run not in known)])

    def fluency(self, source: str, rewrite: str) -> float:
        """Return a score that is 1 if no new trigram is improbable, and falls towards 0 otherwise."""
        return math.exp(0.5 * min(0.0, self.worst_new(source, rewrite) - _TOLERATED))


def _padded(text: str) -> list[str]:
    return ["^", "^", *(token.lower() for token in tokens(text)), "$"]


def _trigrams(text: str) -> list[Gram]:
    padded = _padded(text)
    return [tuple(padded[place - 2 : place + 1]) for place in range(2, len(padded))]
