"""Choice of the sampled rewrites to show: neutral, true to the source, fluent, likely, and different from each other.

Quality is a product, so that no strength makes up for a failing. The set is built greedily: each next rewrite is
discounted by how much it repeats one already chosen (maximal marginal relevance, Carbonell & Goldstein 1998). The judge
reads only the most promising, chosen in the same way with its part of quality guessed: reading takes longer than
sampling.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.manners import PLAIN
from models.reward.features import Array, MeasuredRewrite, Verdict, features, guess
from models.serving.judge import judge
from models.serving.neutrality import Neutrality, spellings, unstretched, words
from models.soundness import invented, turned_round

NO_TEXT = "\N{REPLACEMENT CHARACTER}"
"""Replaces bytes that are no valid UTF-8."""

_SURELY_RUDE = 0.02
# Words that only say who people are never count as rude by themselves, however often they occur beside rude ones.
_NAMES_OF_GROUPS = frozenset({
    "arab", "arabs", "asian", "asians", "black", "blacks", "christian", "christians", "gay", "gays", "girl",
    "girls", "immigrant", "immigrants", "indian", "indians", "jew", "jewish", "jews", "lesbian", "lesbians", "man",
    "men", "mexican", "mexicans", "muslim", "muslims", "trans", "white", "whites", "woman", "women",
})  # fmt: skip
_POLITE = 0.8
_NEUTRAL = 0.5
NEUTRALITY = 0.67
"""The exponent of a rewrite's neutrality in its quality."""
_MEANING = 2.0
_LEAST_MEANING = 0.05
_FLUENCY = 0.8
LIKELIHOOD = 0.1
"""The exponent of a rewrite's mean token probability in its quality."""
_INVENTED = 0.3
_TURNED_ROUND = 0.5
"""The shares of quality that are left to a rewrite with an invented word, and to one that denies what was said."""
REPETITION = 0.35
"""The share of quality that a rewrite loses if it repeats, word by word, one that is shown."""
SAME_MANNER = 0.2
"""The share of quality that a rewrite loses if one that is shown was written in the same manner, not the plain one."""
MUCH_LESS_LIKELY = 0.7
READ_WITHOUT_HEAD = 6
"""Number of the most promising and different samples that the judge reads where no head chooses."""
LEAST_QUALITY = 1e-9
"""Lower bound of what a logarithm is taken of."""


@dataclass(frozen=True)
class Rewrite:
    """A sampled rewrite, the mean log-probability of its tokens, in nats, and the manner in which it was written."""

    text: str
    mean_log_probability: float
    manner: str = PLAIN


@dataclass(frozen=True)
class Reading:
    """The classifier's neutrality and the judge's verdict of a rewrite, and its quality in 0 … 1 without likelihood."""

    neutrality: float
    verdict: Verdict
    quality: float


@functools.cache
def neutrality() -> Neutrality:
    """Return the classifier, loaded once a process; raises LoadError."""
    return Neutrality()


@functools.lru_cache(maxsize=1024)
def _different_words(text: str) -> frozenset[str]:
    return frozenset(words(text))


def repetition(first: str, second: str) -> float:
    """Return the share, in 0 … 1, of the words of either text that both have (Jaccard)."""
    left, right = _different_words(first), _different_words(second)
    return len(left & right) / len(left | right) if left | right else 1.0


def qualities(source: str, rewrites: Sequence[Rewrite]) -> list[float]:
    """Return the quality of each rewrite, in 0 … 1."""
    readings = read(source, [rewrite.text for rewrite in rewrites])
    return [
        reading.quality * math.exp(LIKELIHOOD * rewrite.mean_log_probability)
        for reading, rewrite in zip(readings, rewrites, strict=True)
    ]


def read(source: str, texts: Sequence[str]) -> list[Reading]:
    """Run the classifier and the judge on each of the rewrites of a text."""
    return [
        Reading(neutral, verdict, _quality(source, text, neutral, verdict))
        for text, neutral, verdict in zip(texts, neutrality()(texts), judge()(source, texts), strict=True)
    ]


def _quality(source: str, text: str, neutral: float, verdict: Verdict) -> float:
    kept = max(verdict.meaning, _LEAST_MEANING) ** _MEANING
    return float(neutral**NEUTRALITY * kept * verdict.fluency**_FLUENCY * _soundness(source, text))


def _soundness(source: str, text: str) -> float:
    """Return the share of quality that is left to a rewrite: none of one with invalid bytes."""
    if NO_TEXT in text and NO_TEXT not in source:
        return 0.0
    return (_INVENTED if invented(source, text) else 1.0) * (_TURNED_ROUND if turned_round(source, text) else 1.0)


def before_reading(source: str, rewrites: Sequence[Rewrite]) -> tuple[Array, Array]:
    """Return what is known of rewrites before the judge has read them: their features, (rewrites, SIZE), and a guess.

    It guesses the logarithm of their quality, (rewrites,), up to a constant of the text and without soundness.
    """
    neutral = neutrality()([rewrite.text for rewrite in rewrites])
    likelihood = np.array([rewrite.mean_log_probability for rewrite in rewrites])
    found = features(
        source,
        [
            MeasuredRewrite(rewrite.text, rewrite.mean_log_probability, how_neutral, None)
            for rewrite, how_neutral in zip(rewrites, neutral, strict=True)
        ],
    )
    known = LIKELIHOOD * likelihood + NEUTRALITY * np.log(np.maximum(neutral, LEAST_QUALITY))
    return found, guess(found) + known


def promising_and_different(source: str, rewrites: Sequence[Rewrite]) -> list[Rewrite]:
    """Return the READ_WITHOUT_HEAD rewrites to be read, in their order, a copy of the text always among them."""
    if len(rewrites) <= READ_WITHOUT_HEAD:
        return list(rewrites)
    guessed = np.exp(before_reading(source, rewrites)[1])
    quality = [value * _soundness(source, one.text) for value, one in zip(guessed.tolist(), rewrites, strict=True)]
    copies = [words(rewrite.text) == words(source) for rewrite in rewrites]
    return [rewrites[place] for place in sorted(_greedily(rewrites, quality, copies, READ_WITHOUT_HEAD))]


def is_polite(text: str) -> bool:
    """Return whether a text may be shown as it is."""
    return neutrality()([text])[0] > _POLITE


def rude_words(text: str) -> list[str]:
    """Return the words of a text that no rewrite may repeat: those that the classifier finds certainly rude.

    A stretched word is rude if its short forms are, and comes in all of its spellings: no rewrite of "stuuuupid" has
    "stuuuupid", "stuupid" or "stupid".
    """
    if is_polite(text):
        return []
    spelled = spellings(text)
    forms = {
        word: dict.fromkeys((word, *map(unstretched, written)))
        for word, written in spelled.items()
        if word not in _NAMES_OF_GROUPS
    }
    every = list(dict.fromkeys(form for of_word in forms.values() for form in of_word))
    rude = {form for form, neutral in zip(every, neutrality()(every), strict=True) if neutral < _SURELY_RUDE}
    found: dict[str, None] = {}
    for word, of_word in forms.items():
        if rude.intersection(of_word):
            found |= dict.fromkeys((*spelled[word], *(form for form in of_word if form in rude)))
    return list(found)


def rude_places(texts: Sequence[str]) -> set[int]:
    """Return the indices of the texts that may not be shown as they are, or of the least neutral if all may."""
    neutral = {place: value for place, value in enumerate(neutrality()(texts)) if words(texts[place])}
    rude = {place for place, value in neutral.items() if value <= _POLITE}
    return rude or ({min(neutral, key=neutral.__getitem__)} if neutral else set())


def least_neutral_spellings(text: str) -> list[str]:
    """Return the spellings of the word of a text that is the least neutral; raises ValueError if it has none."""
    found = spellings(text)
    return found[min(zip(neutrality()(list(found)), found, strict=True))[1]]


def enough(source: str, rewrites: Sequence[str], wanted: int) -> bool:
    """Return whether there are `wanted` rewrites, and as many neutral ones if the source is rude."""
    if len(rewrites) < wanted or is_polite(source):
        return len(rewrites) >= wanted
    return sum(neutral > _NEUTRAL for neutral in neutrality()(rewrites)) >= wanted


def choose(
    source: str, rewrites: Sequence[Rewrite], wanted: int, readings: Sequence[Reading] | None = None
) -> list[int]:
    """Return the indices of up to `wanted` rewrites to show, the best one first; `readings` are the results of `read`.

    If a polite text is among its own rewrites, those that are much less likely than it come last: most often they are
    damaged.
    """
    readings = readings or read(source, [rewrite.text for rewrite in rewrites])
    likelihood = [rewrite.mean_log_probability for rewrite in rewrites]
    quality = [
        reading.quality * math.exp(LIKELIHOOD * likely) for reading, likely in zip(readings, likelihood, strict=True)
    ]
    copies = [place for place, rewrite in enumerate(rewrites) if words(rewrite.text) == words(source)]
    least = -math.inf
    if copies and is_polite(source):
        least = max(likelihood[copy] for copy in copies) - MUCH_LESS_LIKELY
    return _greedily(rewrites, quality, [likely >= least for likely in likelihood], wanted)


def _greedily(rewrites: Sequence[Rewrite], quality: Sequence[float], first: Sequence[bool], wanted: int) -> list[int]:
    """Return the indices of up to `wanted` rewrites, each the best beside those before it.

    Those that are marked as `first` come before the others, and those without any quality come last.
    """
    left = set(range(len(rewrites)))
    repeated = dict.fromkeys(left, 0.0)
    chosen: list[int] = []
    manners = {PLAIN: 1.0}

    def value(place: int) -> tuple[bool, bool, float, int]:
        discounted = quality[place] * (1 - REPETITION * repeated[place])
        discounted *= manners.get(rewrites[place].manner, 1.0)
        return discounted > 0, first[place], discounted, -place

    while left and len(chosen) < wanted:
        best = max(left, key=value)
        chosen.append(best)
        left.remove(best)
        manners.setdefault(rewrites[best].manner, 1 - SAME_MANNER)
        for place in left:
            repeated[place] = max(repeated[place], repetition(rewrites[place].text, rewrites[best].text))
    return chosen
