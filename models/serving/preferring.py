"""Which of the sampled rewrites to show once people have clicked: good ones as ever, and to their liking.

A rewrite is worth the logarithm of its quality and, beside it, how likely it is that people prefer it to those that
would be shown without the head. That probability is the head's own (its mean and its covariance), so that the head
pulls where it is sure, and no harder the further a rewrite goes in that direction: quality is not sold for what is
liked already. Where nobody has an opinion all rewrites are preferred alike, and quality decides. What meaning, fluency
and neutrality cost counts for more than in quality alone, which keeps what is shown as true and as polite as it was.
A version that was taught what the head says writes it by itself: there the head pulls less, and the prices are higher,
or what is liked would count twice.

The last card of a screen explores: it is the best by weights drawn from the head's own uncertainty (Thompson sampling),
made smaller, so that the cards differ where the head is unsure. How probable each card was is told.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.reward.features import Array, MeasuredRewrite, Verdict, features, guess
from models.reward.head import Head
from models.serving import choosing
from models.serving.neutrality import words
from models.serving.pool import Option

READ = 8
"""So many of the samples the judge reads, the most promising ones: reading takes longer than drawing more."""

_LIKING, _QUALITY, _MEANING, _FLUENCY = 16.0, 0.5, 12.0, 14.0
_LIKING_OF_TAUGHT, _MEANING_OF_TAUGHT, _FLUENCY_OF_TAUGHT = 8.0, 24.0, 28.0
_RUDE, _NEUTRAL_BETWEEN = 5.0, (0.45, 0.55)
_PROMISING = 3.0
_EXPLORING = 0.3
_DRAWS = 64
_LEAST_QUALITY = 1e-9
_BROKEN, _DAMAGED = 1e6, 1e3


@dataclass(frozen=True)
class Pick:
    """The place of an option that is shown, and the probability that it was shown."""

    place: int
    probability: float


def options(source: str, rewrites: Sequence[choosing.Rewrite], head: Head) -> list[Option]:
    """The most promising READ of the rewrites, read by the judge."""
    neutral = choosing.neutrality()([rewrite.text for rewrite in rewrites])
    kept = list(range(len(rewrites)))
    if len(rewrites) > READ:
        before = _features(source, rewrites, neutral, [None] * len(rewrites))
        promise = guess(before) + _known_quality(rewrites, neutral) + _PROMISING * _preferred(head, before, kept)
        kept = sorted(sorted(kept, key=lambda place: -promise[place])[:READ])
    return read(source, [rewrites[place] for place in kept])


def read(source: str, rewrites: Sequence[choosing.Rewrite]) -> list[Option]:
    """The rewrites, all of them read by the judge."""
    readings = choosing.read(source, [rewrite.text for rewrite in rewrites])
    rows = _features(source, rewrites, [one.neutrality for one in readings], [one.verdict for one in readings])
    return [
        Option(
            rewrite.text,
            rewrite.mean_log_probability,
            reading.neutrality,
            reading.verdict.meaning,
            reading.verdict.fluency,
            reading.quality,
            row,
        )
        for rewrite, reading, row in zip(rewrites, readings, rows, strict=True)
    ]


def _known_quality(rewrites: Sequence[choosing.Rewrite], neutral: Sequence[float]) -> Array:
    """The logarithm of what quality is without the judge, (rewrites,)."""
    likelihood = [choosing.LIKELIHOOD * rewrite.mean_log_probability for rewrite in rewrites]
    return np.array(likelihood) + choosing.NEUTRALITY * np.log(np.maximum(neutral, _LEAST_QUALITY))


def prefer(source: str, among: Sequence[Option], wanted: int, head: Head, chance: random.Random) -> list[Pick]:
    """Up to `wanted` of the options to show, the best one first; the last of them explores."""
    if not among:
        return []
    rows = np.array([option.features for option in among])
    quality = np.array(
        [math.log(max(one.quality, _LEAST_QUALITY)) + choosing.LIKELIHOOD * one.likelihood for one in among]
    )
    quality -= _unfit(source, among)
    usual = _greedily(among, quality, wanted)
    worth, liking = _worth(among, quality, head), _LIKING_OF_TAUGHT if head.taught else _LIKING
    first = _greedily(among, worth + liking * _preferred(head, rows, usual), wanted - 1)
    left = [place for place in range(len(among)) if place not in first]
    if not left:
        return [Pick(place, 1.0) for place in first]
    discounted = (worth + _discount(among, first))[left]
    liked = _drawn_preferences(head, rows, usual, chance)[:, left]
    last = np.argmax(discounted + liking * liked, axis=1)
    explored = int(last[chance.randrange(_DRAWS)])
    return [*(Pick(place, 1.0) for place in first), Pick(left[explored], float(np.mean(last == explored)))]


def _worth(among: Sequence[Option], quality: Array, head: Head) -> Array:
    """What each rewrite is worth apart from liking, by the logarithms of their qualities."""
    neutral = np.array([one.neutrality for one in among])
    rude, enough = _NEUTRAL_BETWEEN
    meaning, fluency = (_MEANING_OF_TAUGHT, _FLUENCY_OF_TAUGHT) if head.taught else (_MEANING, _FLUENCY)
    kept = np.array([meaning * one.meaning + fluency * one.fluency for one in among])
    worth: Array = _QUALITY * quality + kept - _RUDE * np.clip((enough - neutral) / (enough - rude), 0, 1)
    return worth


def _features(
    source: str,
    rewrites: Sequence[choosing.Rewrite],
    neutral: Sequence[float],
    verdicts: Sequence[Verdict | None],
) -> Array:
    return features(
        source,
        [
            MeasuredRewrite(rewrite.text, rewrite.mean_log_probability, how_neutral, verdict)
            for rewrite, how_neutral, verdict in zip(rewrites, neutral, verdicts, strict=True)
        ],
    )


def _preferred(head: Head, rows: Array, usual: Sequence[int]) -> Array:
    """How probable it is that each rewrite is liked better than one of the usual ones, (rewrites,).

    The difference of two utilities is normal with the mean and the variance of the head; equal ones are even.
    """
    utilities = head.utilities(rows)
    means = utilities[:, None] - utilities[usual]
    found: Array = _normal(means / _deviations(rows @ head.root, usual)).mean(1)
    return found


def _drawn_preferences(head: Head, rows: Array, usual: Sequence[int], chance: random.Random) -> Array:
    """What `_preferred` would be with other weights, drawn from the posterior: _DRAWS times, (draws, rewrites)."""
    normal = np.random.default_rng(chance.getrandbits(64)).standard_normal((_DRAWS, head.root.shape[1]))
    spread = rows @ head.root
    moved = head.utilities(rows) + _EXPLORING * normal @ spread.T
    means = moved[:, :, None] - moved[:, None, usual]
    found: Array = _normal(means / _deviations(spread, usual)).mean(2)
    return found


def _deviations(spread: Array, usual: Sequence[int]) -> Array:
    """The standard deviations of the differences of utilities, (rewrites, usual); 1 where there is no difference."""
    found = np.sqrt(((spread[:, None] - spread[usual]) ** 2).sum(-1))
    return np.where(found > 0, found, 1.0)


_erf: Callable[[Array], Array] = np.vectorize(math.erf, otypes=[np.float64])


def _normal(deviations: Array) -> Array:
    """The cumulative distribution function of the standard normal distribution."""
    found: Array = 0.5 + 0.5 * _erf(deviations / math.sqrt(2))
    return found


def _unfit(source: str, among: Sequence[Option]) -> Array:
    """What puts a rewrite behind all others: bytes that spell nothing, or damage to a polite text.

    As in `choosing.choose`: beside the copy of a polite text what is much less likely than it is damaged, most often.
    """
    copies = [option.likelihood for option in among if words(option.text) == words(source)]
    least = -math.inf
    if copies and choosing.is_polite(source):
        least = max(copies) - choosing.MUCH_LESS_LIKELY
    return np.array([_BROKEN * (one.quality <= 0) + _DAMAGED * (one.likelihood < least) for one in among])


def _discount(among: Sequence[Option], chosen: Sequence[int]) -> Array:
    """What the logarithm of quality loses by repeating, word by word, one of the chosen."""
    repeated = [
        max((choosing.repetition(one.text, among[place].text) for place in chosen), default=0.0) for one in among
    ]
    return np.log(1 - choosing.REPETITION * np.array(repeated))


def _greedily(among: Sequence[Option], values: Array, number: int) -> list[int]:
    """The places of the best `number` of them, each next one discounted by how much it repeats one before it."""
    chosen: list[int] = []
    while len(chosen) < min(number, len(among)):
        discounted = values + _discount(among, chosen)
        discounted[chosen] = -np.inf
        chosen.append(int(np.argmax(discounted)))
    return chosen
