"""Pairs that the reward head labels among a version's own samples of texts that nobody clicked.

Twenty clicks are forty pairs, which a model learns by heart and does not carry over to other texts. The head, which the
same clicks have taught what people like, says it of any rewrite: of each text's samples the one that is liked most,
among those that quality bears, is chosen, and the one that is liked least is rejected (RSO: Liu et al. 2024; SPA: Kim
et al. 2025). A text of which the head cannot tell two samples apart gives no pair.
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
"""How probable it must be that the chosen one is preferred."""
_LEAST_NEUTRALITY = 0.5
_LEAST_MEANING, _LEAST_FLUENCY = 0.85, 0.7  # of the most that any sample of the text has


@dataclass(frozen=True)
class Labelled:
    """Pairs, and how sure the head was of them on average, 0 without any."""

    examples: tuple[PreferenceExample, ...]
    sureness: float


def label(head: Head, pools: Iterable[tuple[str, Pool]], most: int) -> Labelled:
    """At most `most` pairs, one of each text that gives one, in the order of the texts."""
    found: list[tuple[PreferenceExample, float]] = []
    for text, pool in pools:
        if len(found) >= most:
            break
        fit = _fit(pool)
        if len(fit) < 2:
            continue
        rows = np.array([option.features for option in fit])
        liked = head.utilities(rows)
        best, worst = int(np.argmax(liked)), int(np.argmin(liked))
        sure = preferred(head, rows[best] - rows[worst])
        if sure >= LEAST_SURE:
            found.append((PreferenceExample(text, fit[best].text, fit[worst].text), sure))
    return Labelled(tuple(example for example, _ in found), fmean([sure for _, sure in found]) if found else 0.0)


def preferred(head: Head, difference: Array) -> float:
    """How probable it is that a rewrite is preferred to another, by the difference of their features, (SIZE,).

    The mean of a logistic function of a normal variable, approximated (MacKay 1992, eq. 10).
    """
    variance = float(np.square(difference @ head.root).sum())
    return float(1 / (1 + np.exp(-(difference @ head.weights) / np.sqrt(1 + np.pi * variance / 8))))


def _fit(pool: Pool) -> list[Option]:
    """The samples that quality bears: neutral, and nearly as true and as fluent as the best in that of them."""
    meaning, fluency = (max((getattr(one, name) for one in pool), default=0.0) for name in ("meaning", "fluency"))
    return [
        one
        for one in pool
        if one.quality > 0
        and one.neutrality >= _LEAST_NEUTRALITY
        and one.meaning >= _LEAST_MEANING * meaning
        and one.fluency >= _LEAST_FLUENCY * fluency
    ]
