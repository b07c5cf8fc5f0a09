"""Preference pairs that the reward head labels among a version's own samples of prompts that nobody has judged.

Twenty clicks give forty pairs, which a model memorizes without generalizing. The head, fitted to the same clicks,
scores any rewrite: of each prompt's samples that pass the quality limits, the one with the highest utility is chosen
and the one with the lowest rejected (RSO: Liu et al. 2024; SPA: Kim et al. 2025). A prompt whose best and worst samples
the head cannot tell apart gives no pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from models.reward.features import Array
from models.reward.head import Head
from models.serving.pool import Option
from worker.training.clicks.samples import Pool
from worker.training.shared.examples import PreferenceExample

LEAST_SURE = 0.6
"""The least probability that the chosen text is preferred to the rejected one."""
_LEAST_NEUTRALITY = 0.5
_LEAST_MEANING, _LEAST_FLUENCY = 0.85, 0.7  # as shares of the maximum over the prompt's samples


@dataclass(frozen=True)
class Labelled:
    """Labelled pairs, and the mean probability of their preferences (0 without any)."""

    examples: tuple[PreferenceExample, ...]
    sureness: float


def label(head: Head, pools: Iterable[tuple[str, Pool]], most: int) -> Labelled:
    """Label at most `most` pairs, one for each text whose samples the head can tell apart, in order."""
    found: list[tuple[PreferenceExample, float]] = []
    for text, pool in pools:
        if len(found) >= most:
            break
        eligible = _eligible(pool)
        if len(eligible) < 2:
            continue
        rows = np.array([option.features for option in eligible])
        liked = head.utilities(rows)
        best, worst = int(np.argmax(liked)), int(np.argmin(liked))
        sure = preference_probability(head, rows[best] - rows[worst])
        if sure >= LEAST_SURE:
            found.append((PreferenceExample(text, eligible[best].text, eligible[worst].text), sure))
    return Labelled(tuple(example for example, _ in found), fmean([sure for _, sure in found]) if found else 0.0)


def preference_probability(head: Head, difference: Array) -> float:
    """Return the probability that one rewrite is preferred to another, from their features' difference, (SIZE,).

    This is the mean of a logistic function of a normal variable, approximated (MacKay 1992, eq. 10).
    """
    variance = float(np.square(difference @ head.root).sum())
    return float(1 / (1 + np.exp(-(difference @ head.weights) / np.sqrt(1 + np.pi * variance / 8))))


def _eligible(pool: Pool) -> list[Option]:
    """Return the samples of sufficient quality: neutral, and nearly as faithful and fluent as the pool's best."""
    meaning, fluency = (max((getattr(one, name) for one in pool), default=0.0) for name in ("meaning", "fluency"))
    return [
        one
        for one in pool
        if one.quality > 0
        and one.neutrality >= _LEAST_NEUTRALITY
        and one.meaning >= _LEAST_MEANING * meaning
        and one.fluency >= _LEAST_FLUENCY * fluency
    ]
