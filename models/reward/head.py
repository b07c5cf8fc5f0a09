"""The reward head: the utility of a rewrite to people, linear in its features, with its uncertainty.

The utility of a rewrite is w·f, and people choose among alternatives with probabilities proportional to the
exponentials of their utilities (Luce 1959; the first place of Plackett–Luce), except that a share of the judgments, the
lapse, is random: then every alternative is equally likely. Weights have a Gaussian prior with mean zero, so that no
clicks mean no preference; its width belongs to the group of the feature, and is the one of WIDTHS that predicts
left-out judgments best. Nothing here is random: equal judgments give the same head to the last bit.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from safetensors.numpy import load, save

from models.model_errors import ModelError
from models.reward.features import SIZE, Array
from models.reward.features import VERSION as FEATURES_VERSION
from models.reward.judgments import THRESHOLD, TIE, WIDTH, JudgedScreen, choices
from models.reward.posterior import Posterior

WINDOW = 2000
"""The latest judgments that are fitted; older ones no longer count, so that time and memory stay bounded."""

_SCALES, _SHARES = (0.15, 0.4, 1.0, 2.0), (0.5, 1.0)
WIDTHS = {
    (0.5 * scale, 0.4 * share * scale, 0.15 * share * scale): -(math.log(scale) ** 2)
    for scale, share in itertools.product(_SCALES, _SHARES)
}
"""Standard deviations of the prior that are tried, one per group of GROUPS, with the log of their prior density."""
_CHOSEN_ON = 100  # at most this many judgments are left out in turn to choose a width
_GROWTH = 1.25  # widths are chosen again when the number of judgments has grown by this factor


@dataclass(frozen=True)
class Head:
    """A fitted head: weights, (SIZE,), and a root of their covariance, (SIZE, WIDTH), root @ root.T.

    `tie` is the utility that a tie has beside the mean of its cards, `threshold` the utility of "none is good"; None if
    nobody said such a thing. `lapse` is the share of random judgments, `widths` the standard deviations of the prior by
    group, `judgments` how many were fitted, and `left_out` the mean log-likelihood of the latest of them, each left out
    in turn, less that of guessing among its alternatives. `taught` is True if the version was trained on pairs that
    such a head labelled, and so writes what people like by itself.
    """

    weights: Array
    root: Array
    tie: float | None
    threshold: float | None
    lapse: float
    widths: tuple[float, ...]
    judgments: int
    left_out: float
    features_version: int = field(default=FEATURES_VERSION)
    taught: bool = False

    def utilities(self, features: Array) -> Array:
        """Return the utility of each rewrite, (rewrites,), from features (rewrites, SIZE)."""
        utilities: Array = features @ self.weights
        return utilities

    def to_bytes(self) -> bytes:
        """Return the head as safetensors, in single precision."""
        names = ("tie", "threshold", "lapse", "widths", "judgments", "left_out", "features_version", "taught")
        said = {"head": json.dumps({name: getattr(self, name) for name in names})}
        arrays = {"weights": self.weights.astype(np.float32), "root": self.root.astype(np.float32)}
        return save(arrays, metadata=said)

    @classmethod
    def from_bytes(cls, data: bytes) -> Head:
        """Read a head from safetensors; raises ModelError for anything else."""
        try:
            arrays = load(data)
            length = int.from_bytes(data[:8], "little")
            said = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["head"])
            weights, root = (arrays[name].astype(np.float64) for name in ("weights", "root"))
            head = cls(weights=weights, root=root, **{**said, "widths": tuple(said["widths"])})
        except Exception as error:  # the library raises bare exceptions for damaged data
            raise ModelError(f"This is no reward head: {error}") from error
        if head.weights.shape != (SIZE,) or head.root.shape != (SIZE, WIDTH) or not np.isfinite(head.root).all():
            raise ModelError(f"The reward head has other features than this program: {head.weights.shape[0]}.")
        return head


def fit(judged: Sequence[JudgedScreen], widths: tuple[float, ...]) -> Head:
    """Fit a head to the latest WINDOW judgments, in the order they were made; raises ValueError if there are none."""
    if not judged:
        raise ValueError("A head needs a judgment.")
    latest = judged[-WINDOW:]
    data = choices(latest, ranked=True)
    found = Posterior(data, widths)
    said = (np.abs(data.rows[:, :, TIE]).any(), np.abs(data.rows[:, :, THRESHOLD]).any())
    tie, threshold = (
        float(found.theta[place]) if known else None for place, known in zip((TIE, THRESHOLD), said, strict=True)
    )
    return Head(
        weights=found.theta[:SIZE],
        root=found.root()[:SIZE],
        tie=tie,
        threshold=threshold,
        lapse=found.lapse,
        widths=widths,
        judgments=len(latest),
        left_out=float(np.mean(found.left_out(slice(-min(len(latest), _CHOSEN_ON), None)))),
    )


def fitted(judged: Sequence[JudgedScreen]) -> Head:
    """Fit a head with the widths that its first judgments choose; raises ValueError if there are none."""
    return fit(judged, choose_widths(judged[: chosen_on(len(judged))]))


def chosen_on(judgments: int) -> int:
    """Return how many of the first judgments choose the widths; it rarely changes, so that they seldom do."""
    number = 1
    while math.ceil(number * _GROWTH) <= judgments:
        number = math.ceil(number * _GROWTH)
    return min(number, judgments)


def choose_widths(judged: Sequence[JudgedScreen]) -> tuple[float, ...]:
    """Return the widths that predict each of the latest judgments best when it is left out."""
    data = choices(judged[-_CHOSEN_ON:])
    return max(WIDTHS, key=lambda tried: float(data.weights @ Posterior(data, tried).left_out()) + WIDTHS[tried])
