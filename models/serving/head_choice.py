"""Choice of the sampled rewrites to show with a reward head: good ones as before, and those that people prefer.

The value of a rewrite is the logarithm of its quality plus a multiple of the probability that people prefer it to those
that would be shown without the head. That probability follows from the head's mean and covariance, so that the head has
most effect where it is sure, and no more the further a rewrite goes in a liked direction: quality is not given up for
what is liked already. Without any opinion all rewrites are preferred equally, and quality decides. Meaning, fluency and
neutrality weigh more than in quality alone, which keeps what is shown as true and as polite as before. A version that
was trained on the head's labels writes what people like by itself: there the head weighs less, and meaning and fluency
more, or preferences would count twice.

The last card of a screen explores: it is the best by weights sampled from the head's own posterior (Thompson sampling)
with a reduced spread, so that the cards differ where the head is unsure. The probability of each card is returned.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from models.manners import PLAIN
from models.reward.features import Array, MeasuredRewrite, features
from models.reward.head import Head
from models.serving import choosing
from models.serving.neutrality import words
from models.serving.pool import Option

READ_WITH_HEAD = 8
"""Number of the samples that the judge reads where a head chooses: reading takes longer than sampling more."""

READ_OF_POOL = 3
"""Of each of three pools. Two cards are shown before the last one is chosen, so that it finds another wording."""

_LIKING, _QUALITY, _MEANING, _FLUENCY = 16.0, 0.5, 12.0, 14.0
_LIKING_OF_TAUGHT, _MEANING_OF_TAUGHT, _FLUENCY_OF_TAUGHT = 8.0, 24.0, 28.0
_RUDE, _NEUTRAL_BETWEEN = 5.0, (0.45, 0.55)
_PROMISING = 3.0
_EXPLORING = 0.3
_DRAWS = 64
_BROKEN, _DAMAGED = 1e6, 1e3


@dataclass(frozen=True)
class Pick:
    """The index of an option that is shown, and the probability that it was shown."""

    place: int
    probability: float


def options(source: str, rewrites: Sequence[choosing.Rewrite], head: Head) -> list[Option]:
    """Read the READ_WITH_HEAD most promising of the rewrites with the judge."""
    return read(source, _promising_to_head(source, rewrites, head, READ_WITH_HEAD))


def pools(
    source: str, drawn: Sequence[Sequence[choosing.Rewrite]], head: Head | None
) -> tuple[list[list[Option]], dict[str, choosing.Reading]]:
    """Read the READ_OF_POOL most promising rewrites of each pool, all without a head; returns the readings, too.

    What several pools have is read once.
    """
    kept = [_promising_to_head(source, one, head, READ_OF_POOL) if head else list(one) for one in drawn]
    texts = list(dict.fromkeys(rewrite.text for one in kept for rewrite in one))
    readings = dict(zip(texts, choosing.read(source, texts), strict=True))
    together = [rewrite for one in kept for rewrite in one]
    found = iter(_options(source, together, [readings[rewrite.text] for rewrite in together]))
    return [list(itertools.islice(found, len(one))) for one in kept], readings


def read(source: str, rewrites: Sequence[choosing.Rewrite]) -> list[Option]:
    """Read all of the rewrites with the judge."""
    return _options(source, rewrites, choosing.read(source, [rewrite.text for rewrite in rewrites]))


def _promising_to_head(
    source: str, rewrites: Sequence[choosing.Rewrite], head: Head, number: int
) -> list[choosing.Rewrite]:
    """Return the `number` of rewrites that the head and the guess promise most of, in their order."""
    if len(rewrites) <= number:
        return list(rewrites)
    every = range(len(rewrites))
    before, guessed = choosing.before_reading(source, rewrites)
    promise = guessed + _PROMISING * _preferred(head, before, every)
    return [rewrites[place] for place in sorted(sorted(every, key=lambda place: -promise[place])[:number])]


def _options(source: str, rewrites: Sequence[choosing.Rewrite], readings: Sequence[choosing.Reading]) -> list[Option]:
    rows = features(
        source,
        [
            MeasuredRewrite(rewrite.text, rewrite.mean_log_probability, reading.neutrality, reading.verdict)
            for rewrite, reading in zip(rewrites, readings, strict=True)
        ],
    )
    return [
        Option(
            rewrite.text,
            rewrite.mean_log_probability,
            reading.neutrality,
            reading.verdict.meaning,
            reading.verdict.fluency,
            reading.quality,
            row,
            rewrite.manner,
        )
        for rewrite, reading, row in zip(rewrites, readings, rows, strict=True)
    ]


def prefer(source: str, among: Sequence[Option], wanted: int, head: Head, chance: random.Random) -> list[Pick]:
    """Choose up to `wanted` of the options to show, the best one first; the last of them explores."""
    if not among:
        return []
    rows, quality = _rows(among), _qualities(source, among)
    usual = _greedily(among, quality, wanted)
    worth, liking = _worth(among, quality, head), _liking(head)
    first = _greedily(among, worth + liking * _preferred(head, rows, usual), wanted - 1)
    left = [place for place in range(len(among)) if place not in first]
    if not left:
        return [Pick(place, 1.0) for place in first]
    discounted = worth + _discount_beside(among, first)
    values = discounted + liking * _sampled_preferences(head, rows, usual, chance)
    return [*(Pick(place, 1.0) for place in first), _explored(values, left, chance)]


def pick(
    source: str,
    among: Sequence[Option],
    left: Sequence[int],
    shown: Sequence[str],
    head: Head | None,
    chance: random.Random | None = None,
    manners: Collection[str] = (),
) -> Pick:
    """Choose one of the options at indices `left` to show beside the texts `shown`; explores if `chance` is given.

    `manners` are those in which the texts were written.

    Without a head quality decides. All that the choice depends on is compared within `among` alone: it stays the same
    if the log-probabilities of all options change by as much, as they may from one version to another.
    """
    quality, discount = _qualities(source, among), _discount(among, shown, manners)
    if head is None:
        return Pick(_best(quality + discount, left), 1.0)
    rows, usual = _rows(among), _greedily(among, quality, 1)
    discounted, liking = _worth(among, quality, head) + discount, _liking(head)
    if chance is None:
        return Pick(_best(discounted + liking * _preferred(head, rows, usual), left), 1.0)
    return _explored(discounted + liking * _sampled_preferences(head, rows, usual, chance), left, chance)


def _best(values: Array, left: Sequence[int]) -> int:
    return left[int(np.argmax(values[list(left)]))]


def _explored(values: Array, left: Sequence[int], chance: random.Random) -> Pick:
    """Pick one of `left` that is the best in one of the draws, of all values, (draws, options), with its share."""
    best = np.argmax(values[:, list(left)], axis=1)
    explored = int(best[chance.randrange(_DRAWS)])
    return Pick(left[explored], float(np.mean(best == explored)))


def _rows(among: Sequence[Option]) -> Array:
    return np.array([option.features for option in among])


def _qualities(source: str, among: Sequence[Option]) -> Array:
    """Return the logarithms of the qualities, less the penalties."""
    quality = [
        math.log(max(one.quality, choosing.LEAST_QUALITY)) + choosing.LIKELIHOOD * one.likelihood for one in among
    ]
    return np.array(quality) - _penalties(source, among)


def _liking(head: Head) -> float:
    return _LIKING_OF_TAUGHT if head.taught else _LIKING


def _worth(among: Sequence[Option], quality: Array, head: Head) -> Array:
    """Return the value of each rewrite without the head's part, from the logarithms of their qualities."""
    neutral = np.array([one.neutrality for one in among])
    rude, enough = _NEUTRAL_BETWEEN
    meaning, fluency = (_MEANING_OF_TAUGHT, _FLUENCY_OF_TAUGHT) if head.taught else (_MEANING, _FLUENCY)
    kept = np.array([meaning * one.meaning + fluency * one.fluency for one in among])
    worth: Array = _QUALITY * quality + kept - _RUDE * np.clip((enough - neutral) / (enough - rude), 0, 1)
    return worth


def _preferred(head: Head, rows: Array, usual: Sequence[int]) -> Array:
    """Return the probability that each rewrite is preferred to one of the usual ones, (rewrites,).

    The difference of two utilities is normal with the mean and the variance of the head; equal ones give one half.
    """
    utilities = head.utilities(rows)
    means = utilities[:, None] - utilities[usual]
    found: Array = _normal(means / _deviations(rows @ head.root, usual)).mean(1)
    return found


def _sampled_preferences(head: Head, rows: Array, usual: Sequence[int], chance: random.Random) -> Array:
    """Compute `_preferred` with _DRAWS weights sampled from the posterior, (draws, rewrites)."""
    normal = np.random.default_rng(chance.getrandbits(64)).standard_normal((_DRAWS, head.root.shape[1]))
    spread = rows @ head.root
    moved = head.utilities(rows) + _EXPLORING * normal @ spread.T
    means = moved[:, :, None] - moved[:, None, usual]
    found: Array = _normal(means / _deviations(spread, usual)).mean(2)
    return found


def _deviations(spread: Array, usual: Sequence[int]) -> Array:
    """Return the standard deviations of the utilities' differences, (rewrites, usual); 1 if there is none."""
    found = np.sqrt(((spread[:, None] - spread[usual]) ** 2).sum(-1))
    return np.where(found > 0, found, 1.0)


_erf: Callable[[Array], Array] = np.vectorize(math.erf, otypes=[np.float64])


def _normal(deviations: Array) -> Array:
    """Compute the cumulative distribution function of the standard normal distribution."""
    found: Array = 0.5 + 0.5 * _erf(deviations / math.sqrt(2))
    return found


def _penalties(source: str, among: Sequence[Option]) -> Array:
    """Return the penalty that puts a rewrite behind all others: invalid bytes, or damage to a polite text.

    As in `choosing.choose`: if the polite text itself is an option, a much less likely rewrite is damaged, most often.
    """
    copies = [option.likelihood for option in among if words(option.text) == words(source)]
    least = -math.inf
    if copies and choosing.is_polite(source):
        least = max(copies) - choosing.MUCH_LESS_LIKELY
    return np.array([_BROKEN * (one.quality <= 0) + _DAMAGED * (one.likelihood < least) for one in among])


def _discount(among: Sequence[Option], shown: Sequence[str], manners: Collection[str]) -> Array:
    """Return what the logarithm of quality loses by repeating, word by word, one of the texts that are shown.

    And by being written in one of the same manners, unless that is the plain one.
    """
    repeated = [max((choosing.repetition(one.text, text) for text in shown), default=0.0) for one in among]
    same = [one.manner != PLAIN and one.manner in manners for one in among]
    return np.log(1 - choosing.REPETITION * np.array(repeated)) + np.log(1 - choosing.SAME_MANNER * np.array(same))


def _discount_beside(among: Sequence[Option], chosen: Sequence[int]) -> Array:
    """Return the discount of each option beside those of them that were chosen."""
    return _discount(among, [among[place].text for place in chosen], {among[place].manner for place in chosen})


def _greedily(among: Sequence[Option], values: Array, number: int) -> list[int]:
    """Choose the best `number` indices, each next one discounted by how much it repeats one before it."""
    chosen: list[int] = []
    while len(chosen) < min(number, len(among)):
        discounted = values + _discount_beside(among, chosen)
        discounted[chosen] = -np.inf
        chosen.append(int(np.argmax(discounted)))
    return chosen
