"""The reward head: how much a rewrite is to people's liking, linear in its features, with how sure that is.

The utility of a rewrite is w·f, and people choose among alternatives with probabilities as the exponentials of their
utilities (Luce 1959; the first place of Plackett–Luce), except that a share of the gestures, the lapse, says nothing:
then any alternative is as likely as another. Weights have a Gaussian prior with mean zero, so that no clicks mean no
opinion; its width belongs to the group of the feature, and is the one of WIDTHS by which judgments that were left out
are predicted best. Nothing here is random: equal judgments give the same head to the last bit.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from safetensors.numpy import load, save

from models.errors import ModelError
from models.reward.features import SIZE, Array
from models.reward.features import VERSION as FEATURES_VERSION
from models.reward.judgments import THRESHOLD, TIE, WIDTH, Judged, choices
from models.reward.posterior import Posterior

WINDOW = 2000
"""The latest judgments that are fitted; older ones no longer count, so that time and memory stay bounded."""

_SCALES, _SHARES = (0.15, 0.4, 1.0, 2.0), (0.5, 1.0)
WIDTHS = {
    (0.5 * scale, 0.4 * share * scale, 0.15 * share * scale): -(math.log(scale) ** 2)
    for scale, share in itertools.product(_SCALES, _SHARES)
}
"""Standard deviations of the prior that are tried, one a group of GROUPS, and the logarithm of how likely they are."""
_CHOSEN_ON = 100  # of so many judgments at most each is left out in turn to choose a width
_GROWTH = 1.25  # widths are chosen anew when there are so many times as many judgments


@dataclass(frozen=True)
class Head:
    """A fitted head: weights, (SIZE,), and a root of their covariance, (SIZE, WIDTH), root @ root.T.

    `tie` and `threshold` are the utilities that a tie has beside the mean of its cards, and that a card must exceed not
    to be passed over with the others; None if nobody said such a thing. `lapse` is the share of gestures that say
    nothing, `widths` the standard deviations of the prior by group, `judgments` how many were fitted, and `left_out`
    the mean log-likelihood of the latest of them, each left out in turn, less that of a guess among its alternatives.
    The version is `taught` if it was trained on what such a head says, and then writes what people like by itself.
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
        """The utility of each rewrite, (rewrites,), of features (rewrites, SIZE)."""
        utilities: Array = features @ self.weights
        return utilities

    def to_bytes(self) -> bytes:
        """The head as safetensors, in single precision."""
        names = ("tie", "threshold", "lapse", "widths", "judgments", "left_out", "features_version", "taught")
        said = {"head": json.dumps({name: getattr(self, name) for name in names})}
        arrays = {"weights": self.weights.astype(np.float32), "root": self.root.astype(np.float32)}
        return save(arrays, metadata=said)

    @classmethod
    def from_bytes(cls, data: bytes) -> Head:
        """The head that was saved; raises ModelError for anything else."""
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


def fit(judged: Sequence[Judged], widths: tuple[float, ...]) -> Head:
    """Fit a head to the latest WINDOW judgments, in the order they were made; raises ValueError if there are none."""
    if not judged:
        raise ValueError("A head needs a judgment.")
    data = choices(judged[-WINDOW:])
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
        judgments=len(data),
        left_out=float(np.mean(found.left_out(slice(-_CHOSEN_ON, None)))),
    )


def fitted(judged: Sequence[Judged]) -> Head:
    """Fit a head with the widths that its first judgments choose; raises ValueError if there are none."""
    return fit(judged, choose_widths(judged[: chosen_on(len(judged))]))


def chosen_on(judgments: int) -> int:
    """How many of the first judgments the widths are chosen on, so that most clicks need not choose them anew."""
    number = 1
    while math.ceil(number * _GROWTH) <= judgments:
        number = math.ceil(number * _GROWTH)
    return min(number, judgments)


def choose_widths(judged: Sequence[Judged]) -> tuple[float, ...]:
    """The widths by which each of the latest judgments is predicted best when it is left out."""
    data = choices(judged[-_CHOSEN_ON:])
    return max(WIDTHS, key=lambda tried: float(data.weights @ Posterior(data, tried).left_out()) + WIDTHS[tried])
