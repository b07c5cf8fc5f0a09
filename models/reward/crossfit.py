"""Win rate of one version over another that the clicks predict, calibrated on clicks that the head has not seen.

A head fitted to few clicks is overconfident. So the prompts are divided into folds, and each fold's clicks are
predicted by a head fitted to the others (cross-fitting: Stone 1974). The slope by which those predictions must be
multiplied to fit the clicks (Cox 1958) is near one if the head is right, and near zero if it has fitted noise. The
head's utilities of two versions' rewrites of other texts are multiplied by the same slope, and give how often people
prefer the one to the other; the bootstrap interval takes both the clicks and the texts as sampled.

Each click counts by its weight, where heads are fitted, in the slope, and in the comparison with clicks at random. The
bootstrap draws clicks whatever they weigh: it asks what other clicks of the same people would have said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.reward.features import Array
from models.reward.head import Head, fitted
from models.reward.judgments import JudgedScreen

FOLDS = 20
LATEST = 400
"""Number of the latest judgments that are predicted; all of them are fitted to."""
RESAMPLES = 1000
_GUESSES = 10_000
_MOST_SLOPE = 4.0
_SIGNIFICANCE = 0.025
_STEPS, _TOLERANCE = 30, 1e-6
_SEED = 0


@dataclass(frozen=True)
class ExpectedPreference:
    """A predicted win rate of the new version, in 0 … 1, with its 95 % interval.

    `clicks` were predicted without having been seen, `right` of them correctly. Had they been made at random, they
    would agree as well with the predictions with probability `by_chance`. `texts` were compared. `slope` is that of the
    calibration.
    """

    value: float
    low: float
    high: float
    clicks: int
    right: int
    by_chance: float
    texts: int
    slope: float

    @property
    def shown(self) -> bool:
        """Return whether the clicks show that the new version is preferred.

        The bootstrap alone is overconfident with twenty clicks, so unseen clicks must also agree with their predictions
        better than clicks at random would.
        """
        return self.low > 0.5 and self.by_chance < _SIGNIFICANCE


def expected_preference(
    judged: Sequence[JudgedScreen], prompts: Sequence[str], head: Head, differences: Sequence[Array]
) -> ExpectedPreference | None:
    """Predict the win rate on other texts by `head`, fitted to all judgments; None if no judgment prefers a text.

    `prompts` are those of the judgments. Each array of `differences` belongs to one text and holds the differences in
    features, (pairs, SIZE), of each of the new version's rewrites to each of the old one's.
    """
    predicted = _left_out(judged, prompts)
    if not predicted or not differences:
        return None
    left_out, weights = [one for one, _ in predicted], np.array([weight for _, weight in predicted])
    gains = _table([difference @ head.weights for difference in differences], np.nan)
    chance = np.random.default_rng(_SEED)
    table = _table(left_out, -np.inf)
    everything = np.ones((1, len(table)))
    again = chance.multinomial(len(table), np.full(len(table), 1 / len(table)), RESAMPLES).astype(np.float64)
    slope, *slopes = _slopes(table, np.vstack([everything, again]) * weights)
    found = [_preferred(gains[chance.integers(len(gains), size=len(gains))], resampled).mean() for resampled in slopes]
    right = int(np.sum(table.max(1) < 0))
    low, high = np.quantile(found, (0.025, 0.975))
    return ExpectedPreference(
        value=float(_preferred(gains, slope).mean()),
        low=float(low),
        high=float(high),
        clicks=len(table),
        right=right,
        by_chance=_by_chance(left_out, weights),
        texts=len(gains),
        slope=float(slope),
    )


def _left_out(judged: Sequence[JudgedScreen], prompts: Sequence[str]) -> list[tuple[Array, float]]:
    """Return, for each of the latest judgments that prefer one text, the others' utilities less that of the preferred.

    The utilities are those of a head that was fitted to the judgments of other folds' prompts. With each comes the
    weight of the judgment.
    """
    fold_of = {prompt: number % FOLDS for number, prompt in enumerate(dict.fromkeys(prompts))}
    latest = range(max(0, len(judged) - LATEST), len(judged))
    found = []
    for fold in sorted(set(fold_of.values())):
        asked = [place for place in latest if fold_of[prompts[place]] == fold and _preferring(judged[place])]
        others = [one for one, prompt in zip(judged, prompts, strict=True) if fold_of[prompt] != fold]
        if not asked or not others:
            continue
        head = fitted(others)
        found += [(_differences(judged[place], head), judged[place].weight) for place in asked]
    return found


def _preferring(one: JudgedScreen) -> bool:
    return one.written is not None or (len(one.chosen) == 1 and len(one.cards) > 1)


def _differences(one: JudgedScreen, head: Head) -> Array:
    cards = head.utilities(np.array(one.cards))
    if one.written is not None:
        return cards - float(head.utilities(one.written[None])[0])
    less: Array = np.delete(cards, one.chosen[0]) - cards[one.chosen[0]]
    return less


def _slopes(table: Array, counts: Array) -> Array:
    """Fit the slopes by which utilities predict best, (resamples,), by Newton's method in one dimension each.

    `table` (judgments, others) holds differences in utility, minus infinity where there is no other; each judgment
    counts `counts` times (resamples, judgments). A standard normal prior keeps slopes finite if all were predicted
    correctly.
    """
    known = np.isfinite(table)
    values = np.where(known, table, 0.0)
    slopes = np.ones(len(counts))
    for _ in range(_STEPS):
        powers = np.exp(np.clip(slopes[:, None, None] * values, -50, 50)) * known
        shares = powers / (1 + powers.sum(2, keepdims=True))
        means = (shares * values).sum(2)
        gradients = -(counts * means).sum(1) - slopes
        bends = (counts * ((shares * values**2).sum(2) - means**2)).sum(1) + 1
        steps = gradients / bends
        slopes = np.clip(slopes + steps, -_MOST_SLOPE, _MOST_SLOPE)
        if np.abs(steps).max() < _TOLERANCE:
            break
    return slopes


def _by_chance(left_out: Sequence[Array], weights: Array) -> float:
    """Return the probability that clicks at random agree with the predictions at least as well as the clicks do.

    The agreement is the sum of the chosen texts' utilities, standardized within each screen, by the clicks' weights:
    unlike a count of right predictions it also tells the second best from the worst. Its distribution is that of
    `_GUESSES` random clickings (a Monte Carlo permutation test: Phipson and Smyth 2010, who explain the added one).
    """
    screens = [np.concatenate([[0.0], others]) for others in left_out]  # the chosen text first
    standard = _table([(one - one.mean()) / (one.std() or 1.0) for one in screens], 0.0) * weights[:, None]
    sizes = np.array([len(one) for one in screens])
    guesses = (np.random.default_rng(_SEED).random((_GUESSES, len(screens))) * sizes).astype(int)
    by_guessing = standard[np.arange(len(screens)), guesses].sum(1)
    return float((1 + np.sum(by_guessing >= standard[:, 0].sum() - _TOLERANCE)) / (1 + _GUESSES))


def _preferred(gains: Array, slope: float) -> Array:
    """Return how often each text's new rewrites are preferred, (texts,), from differences in utility (texts, pairs)."""
    found: Array = np.nanmean(1 / (1 + np.exp(-np.clip(slope * gains, -50, 50))), axis=1)
    return found


def _table(rows: Sequence[Array], missing: float) -> Array:
    """Return rows of different lengths as one array, padded with `missing`."""
    found = np.full((len(rows), max(map(len, rows))), missing)
    for row, one in zip(found, rows, strict=True):
        row[: len(one)] = one
    return found
