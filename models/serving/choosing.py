"""Which of the sampled rewrites to show: neutral, true to the source, fluent, likely, and unlike each other.

Quality is a product, so that one failing cannot be bought off by the others. The set is built greedily, each next
rewrite discounted by how much it repeats one already chosen (maximal marginal relevance, Carbonell & Goldstein 1998).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.reward.features import Verdict
from models.serving.judge import judge
from models.serving.neutrality import Neutrality, words

NO_TEXT = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes that spell nothing."""

_SURELY_RUDE = 0.02
# What only says who people are is never taken for rude by itself, however often it stands beside what is.
_NAMES_OF_GROUPS = frozenset({
    "arab", "arabs", "asian", "asians", "black", "blacks", "christian", "christians", "gay", "gays", "girl",
    "girls", "immigrant", "immigrants", "indian", "indians", "jew", "jewish", "jews", "lesbian", "lesbians", "man",
    "men", "mexican", "mexicans", "muslim", "muslims", "trans", "white", "whites", "woman", "women",
})  # fmt: skip
_POLITE = 0.8
_NEUTRAL = 0.5
NEUTRALITY = 0.67
"""The power of how neutral a rewrite is in its quality."""
_MEANING = 2.0
_LEAST_MEANING = 0.05
_FLUENCY = 0.8
LIKELIHOOD = 0.1
"""The power of a rewrite's mean probability of a token in its quality."""
REPETITION = 0.35
"""What of a rewrite's quality is taken off if it repeats, word by word, one that is shown."""
MUCH_LESS_LIKELY = 0.7


@dataclass(frozen=True)
class Rewrite:
    """A sampled rewrite and the mean log-probability, in nats, of its tokens: exactly that, or no more than that."""

    text: str
    mean_log_probability: float
    exact: bool = True


@dataclass(frozen=True)
class Reading:
    """What the classifier and the judge make of a rewrite, and its quality in 0 … 1 apart from its likelihood."""

    neutrality: float
    verdict: Verdict
    quality: float


@functools.cache
def neutrality() -> Neutrality:
    """The classifier, loaded once a process; raises LoadError."""
    return Neutrality()


@functools.lru_cache(maxsize=1024)
def _different_words(text: str) -> frozenset[str]:
    return frozenset(words(text))


def repetition(first: str, second: str) -> float:
    """The share, in 0 … 1, of the words of either text that both have (Jaccard)."""
    left, right = _different_words(first), _different_words(second)
    return len(left & right) / len(left | right) if left | right else 1.0


def qualities(source: str, rewrites: Sequence[Rewrite]) -> list[float]:
    """How good each rewrite is, in 0 … 1."""
    readings = read(source, [rewrite.text for rewrite in rewrites])
    return [
        reading.quality * math.exp(LIKELIHOOD * rewrite.mean_log_probability)
        for reading, rewrite in zip(readings, rewrites, strict=True)
    ]


def read(source: str, texts: Sequence[str]) -> list[Reading]:
    """What the classifier and the judge make of each of the rewrites of a text."""
    return [
        Reading(neutral, verdict, _quality(source, text, neutral, verdict))
        for text, neutral, verdict in zip(texts, neutrality()(texts), judge()(source, texts), strict=True)
    ]


def _quality(source: str, text: str, neutral: float, verdict: Verdict) -> float:
    if NO_TEXT in text and NO_TEXT not in source:
        return 0.0
    kept = max(verdict.meaning, _LEAST_MEANING) ** _MEANING
    return float(neutral**NEUTRALITY * kept * verdict.fluency**_FLUENCY)


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


def least_neutral_word(text: str) -> str:
    """The word of a text that reads rudest; raises ValueError if it has none."""
    found = words(text)
    return min(zip(neutrality()(found), found, strict=True))[1]


def enough(source: str, rewrites: Sequence[str], wanted: int) -> bool:
    """Whether there are as many rewrites as wanted, and as many neutral ones if the source is rude."""
    if len(rewrites) < wanted or is_polite(source):
        return len(rewrites) >= wanted
    return sum(neutral > _NEUTRAL for neutral in neutrality()(rewrites)) >= wanted


def choose(
    source: str,
    rewrites: Sequence[Rewrite],
    wanted: int,
    score: Callable[[Sequence[int]], Sequence[float]] = lambda places: (),
    readings: Sequence[Reading] | None = None,
) -> list[int]:
    """The places of up to `wanted` rewrites to show, the best one first; `readings` are what `read` makes of them.

    Beside the copy of a polite text, what is much less likely than it comes last: most often it is damaged.

    `score` gives the mean log-probabilities of the rewrites at places where it is not exact. It is asked only for those
    that might be chosen: quality grows with likelihood, so what comes second with the most it can be stays second.
    """
    readings = readings or read(source, [rewrite.text for rewrite in rewrites])
    base = [reading.quality for reading in readings]
    likelihood = [rewrite.mean_log_probability for rewrite in rewrites]
    unsure = {place for place, rewrite in enumerate(rewrites) if not rewrite.exact}

    def learn(places: Sequence[int]) -> None:
        for place, exact in zip(places, score(places), strict=True):
            likelihood[place] = exact
        unsure.difference_update(places)

    left = set(range(len(rewrites)))
    repeated, least = dict.fromkeys(left, 0.0), -math.inf
    copies = [place for place in left if words(rewrites[place].text) == words(source)]
    if copies and is_polite(source):
        learn([copy for copy in copies if copy in unsure])
        least = max(likelihood[copy] for copy in copies) - MUCH_LESS_LIKELY
    chosen: list[int] = []

    def value(place: int) -> tuple[bool, bool, float, int]:
        quality = base[place] * math.exp(LIKELIHOOD * likelihood[place]) * (1 - REPETITION * repeated[place])
        return quality > 0, likelihood[place] >= least, quality, -place

    while left and len(chosen) < wanted:
        best = max(left, key=value)
        if best in unsure:
            likely = sorted(left, key=value, reverse=True)[: wanted - len(chosen) + 1]
            learn([place for place in likely if place in unsure])
            continue
        chosen.append(best)
        left.remove(best)
        for place in left:
            repeated[place] = max(repeated[place], repetition(rewrites[place].text, rewrites[best].text))
    return chosen
