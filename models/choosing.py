"""Which of the sampled rewrites to show: neutral, true to the source, likely, and unlike each other.

Quality is a product, so that one failing cannot be bought off by the others. The set is built greedily, each next
rewrite discounted by how much it repeats one already chosen (maximal marginal relevance, Carbonell & Goldstein 1998).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.neutrality import Neutrality, words

_RUDE_WORD = 0.35
_SURELY_RUDE = 0.02
# What only says who people are is never taken for rude by itself, however often it stands beside what is.
_NAMES_OF_GROUPS = frozenset({
    "arab", "arabs", "asian", "asians", "black", "blacks", "christian", "christians", "gay", "gays", "girl",
    "girls", "immigrant", "immigrants", "indian", "indians", "jew", "jewish", "jews", "lesbian", "lesbians", "man",
    "men", "mexican", "mexicans", "muslim", "muslims", "trans", "white", "whites", "woman", "women",
})  # fmt: skip
_POLITE = 0.8
_NEUTRAL = 0.5
_FORGIVEN = 0.2
_LIKELIHOOD = 0.3
_REPETITION = 0.35
_MUCH_LESS_LIKELY = 0.7


@dataclass(frozen=True)
class Rewrite:
    """A sampled rewrite and the mean log-probability, in nats, of its tokens."""

    text: str
    mean_log_probability: float


@functools.cache
def neutrality() -> Neutrality:
    """The classifier, loaded once a process; raises LoadError."""
    return Neutrality()


def kept(source: str, rewrite: str) -> float:
    """The share, in 0 … 1, of the source's words that are in the rewrite; rude words do not count."""
    plain = _plain_words(source)
    return len(plain & set(words(rewrite))) / len(plain) if plain else 1.0


@functools.lru_cache(maxsize=64)  # of one source many rewrites are judged
def _plain_words(source: str) -> frozenset[str]:
    found = list(set(words(source)))
    return frozenset(word for word, neutral in zip(found, neutrality()(found), strict=True) if neutral > _RUDE_WORD)


def repetition(first: str, second: str) -> float:
    """The share, in 0 … 1, of the words of either text that both have (Jaccard)."""
    left, right = set(words(first)), set(words(second))
    return len(left & right) / len(left | right) if left | right else 1.0


def qualities(source: str, rewrites: Sequence[Rewrite]) -> list[float]:
    """How good each rewrite is, in 0 … 1."""
    return [
        neutral
        * (_FORGIVEN + (1 - _FORGIVEN) * kept(source, rewrite.text))
        * math.exp(_LIKELIHOOD * rewrite.mean_log_probability)
        for rewrite, neutral in zip(rewrites, neutrality()([rewrite.text for rewrite in rewrites]), strict=True)
    ]


def is_polite(text: str) -> bool:
    """Whether a text may be shown as it is."""
    return neutrality()([text])[0] > _POLITE


def rude_words(text: str) -> list[str]:
    """The words of a text that no rewrite may repeat: the classifier finds each of them rude beyond doubt."""
    if is_polite(text):
        return []
    found = [word for word in dict.fromkeys(words(text)) if word not in _NAMES_OF_GROUPS]
    return [word for word, neutral in zip(found, neutrality()(found), strict=True) if neutral < _SURELY_RUDE]


def rude_places(texts: Sequence[str]) -> set[int]:
    """The places of the texts that may not be shown as they are, or of the least neutral one if all may."""
    neutral = {place: value for place, value in enumerate(neutrality()(texts)) if words(texts[place])}
    rude = {place for place, value in neutral.items() if value <= _POLITE}
    return rude or ({min(neutral, key=neutral.__getitem__)} if neutral else set())


def enough(source: str, rewrites: Sequence[str], wanted: int) -> bool:
    """Whether there are as many rewrites as wanted, and as many neutral ones if the source is rude."""
    if len(rewrites) < wanted or is_polite(source):
        return len(rewrites) >= wanted
    return sum(neutral > _NEUTRAL for neutral in neutrality()(rewrites)) >= wanted


def choose(source: str, rewrites: Sequence[Rewrite], wanted: int) -> list[int]:
    """The places of up to `wanted` rewrites to show, the best one first.

    Beside the copy of a polite text, what is much less likely than it is not shown: most often it is damaged.
    """
    quality = qualities(source, rewrites)
    chosen: list[int] = []
    copies = [rewrite.mean_log_probability for rewrite in rewrites if words(rewrite.text) == words(source)]
    least = max(copies) - _MUCH_LESS_LIKELY if copies and is_polite(source) else -math.inf
    left = {place for place, rewrite in enumerate(rewrites) if rewrite.mean_log_probability >= least}
    while left and len(chosen) < wanted:

        def value(place: int) -> tuple[float, int]:
            repeated = max((repetition(rewrites[place].text, rewrites[other].text) for other in chosen), default=0.0)
            return quality[place] * (1 - _REPETITION * repeated), -place

        best = max(left, key=value)
        chosen.append(best)
        left.remove(best)
    return chosen
