"""The reward head: how much a rewrite is to people's liking, linear in its features, with how sure that is.

The utility of a rewrite is w·f, and people choose among alternatives with probabilities as the exponentials of their
utilities (Luce 1959; the first place of Plackett–Luce), except that a share of the gestures, the lapse, says nothing:
then any alternative is as likely as another. Weights have a Gaussian prior with mean zero, so that no clicks mean no
opinion; its width belongs to the group of the feature, and is the one of WIDTHS by which judgments that were left out
are predicted best. The posterior's mode is found by Newton's method within expectation-maximisation over the lapse;
beside it is kept the covariance of Laplace's approximation, with the information that the lapse hides taken off (Louis
1982). Nothing here is random: equal judgments give the same head to the last bit.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from models.errors import ModelError
from models.reward.features import GROUPS, SIZE, Array
from models.reward.features import VERSION as FEATURES_VERSION
from models.reward.judgments import THRESHOLD, TIE, WIDTH, Choices, Judged, choices

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

_CONSTANT_MEAN, _CONSTANT_WIDTH = -1.0, 2.0  # of the tie and of the threshold
_LAPSE, _LAPSE_COUNT = 0.08, 12.0  # what the lapse is before the first click, and how many clicks that is worth
_MOST_LAPSE = 0.8
_MOST_STEPS, _LITTLE = 100, 1e-9
_LAPSE_STEPS = 8
_BEND_AGAIN = 4  # the curvature changes little from step to step, and takes longest


@dataclass(frozen=True)
class Head:
    """A fitted head: weights, (SIZE,), and a root of their covariance, (SIZE, SIZE), root @ root.T.

    `tie` and `threshold` are the utilities that a tie has beside the mean of its cards, and that a card must exceed not
    to be passed over with the others; None if nobody said such a thing. `lapse` is the share of gestures that say
    nothing, `widths` the standard deviations of the prior by group, `judgments` how many were fitted, and `left_out`
    the mean log-likelihood of the latest of them, each left out in turn, less that of a guess among its alternatives.
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

    def utilities(self, features: Array) -> Array:
        """The utility of each rewrite, (rewrites,), of features (rewrites, SIZE)."""
        utilities: Array = features @ self.weights
        return utilities

    def to_bytes(self) -> bytes:
        """The head as safetensors, in single precision."""
        names = ("tie", "threshold", "lapse", "widths", "judgments", "left_out", "features_version")
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
        if head.weights.shape != (SIZE,) or head.root.shape != (SIZE, SIZE) or not np.isfinite(head.root).all():
            raise ModelError(f"The reward head has other features than this program: {head.weights.shape[0]}.")
        return head


def fit(judged: Sequence[Judged], widths: tuple[float, ...]) -> Head:
    """Fit a head to the latest WINDOW judgments, in the order they were made; raises ValueError if there are none."""
    if not judged:
        raise ValueError("A head needs a judgment.")
    data = choices(judged[-WINDOW:])
    found = _Fit(data, widths)
    latest = slice(-_CHOSEN_ON, None)
    inverse = np.linalg.inv(np.linalg.cholesky(found.information()))
    root = inverse.T[:SIZE]  # the covariance is inverse.T @ inverse, and that of the weights its first rows and columns
    covariance = root @ root.T
    said = (np.abs(data.rows[:, :, TIE]).any(), np.abs(data.rows[:, :, THRESHOLD]).any())
    tie, threshold = (
        float(found.theta[place]) if known else None for place, known in zip((TIE, THRESHOLD), said, strict=True)
    )
    return Head(
        weights=found.theta[:SIZE],
        root=np.linalg.cholesky(covariance).astype(np.float64),
        tie=tie,
        threshold=threshold,
        lapse=found.lapse,
        widths=widths,
        judgments=len(data),
        left_out=float(np.mean(found.left_out(latest) + np.log(data.real[latest].sum(1)))),
    )


def chosen_on(judgments: int) -> int:
    """How many of the first judgments the widths are chosen on, so that most clicks need not choose them anew."""
    number = 1
    while math.ceil(number * _GROWTH) <= judgments:
        number = math.ceil(number * _GROWTH)
    return min(number, judgments)


def choose_widths(judged: Sequence[Judged]) -> tuple[float, ...]:
    """The widths by which each of the latest judgments is predicted best when it is left out."""
    data = choices(judged[-_CHOSEN_ON:])
    return max(WIDTHS, key=lambda tried: float(data.weights @ _Fit(data, tried).left_out()) + WIDTHS[tried])


class _Fit:
    """The mode of the posterior of weights, constants and lapse, given the widths of the prior."""

    def __init__(self, data: Choices, widths: Sequence[float]) -> None:
        self._data = data
        self._single = data.rows.astype(np.float32)
        self._precision = np.full(WIDTH, 1 / _CONSTANT_WIDTH**2)
        self._mean = np.full(WIDTH, _CONSTANT_MEAN)
        self._mean[:SIZE] = 0.0
        for group, width in zip(GROUPS, widths, strict=True):
            self._precision[group.start : group.stop] = 1 / width**2
        self.theta = self._mean.copy()
        self.lapse = _LAPSE
        self._climb()

    def _climb(self) -> None:
        """Alternate between the lapse that fits best and one Newton step, shortened until it climbs."""
        shares, value = self._shares(self.theta), -np.inf
        bent: npt.NDArray[Any] = np.empty(0)
        for number in range(_MOST_STEPS):
            worth = self._settle_lapse(shares)
            before = self._posterior(self.theta, shares)
            if before - value < _LITTLE * (1 + abs(before)):
                return
            value = before
            weights, means = self._data.weights * worth, _mean(shares, self._data.rows)
            gradient = -(weights @ means) - self._precision * (self.theta - self._mean)
            if number < 2 or number % _BEND_AGAIN == 0:
                bent = np.linalg.inv(self._information(shares, worth, means, self._single))
            step, length = bent @ gradient, 1.0
            while True:
                theta = self.theta + length * step
                shares = self._shares(theta)
                if self._posterior(theta, shares) >= before or length < _LITTLE:
                    break
                length /= 2
            self.theta = theta

    def _settle_lapse(self, shares: Array) -> Array:
        """Find the lapse that fits best by expectation-maximisation; returns what each judgment is then worth."""
        total = self._data.weights.sum()
        worth = self._worth(shares)
        for _ in range(_LAPSE_STEPS):
            lapsed = self._data.weights @ (1 - worth)
            self.lapse = min(_MOST_LAPSE, float((_LAPSE * _LAPSE_COUNT + lapsed) / (_LAPSE_COUNT + total)))
            worth = self._worth(shares)
        return worth

    def _shares(self, theta: Array) -> Array:
        """The probability of each alternative without a lapse, (judgments, alternatives)."""
        utilities = np.where(self._data.real, self._data.rows @ theta, -np.inf)
        found = np.exp(utilities - utilities.max(1, keepdims=True))
        shares: Array = found / found.sum(1, keepdims=True)
        return shares

    def _worth(self, shares: Array) -> Array:
        """The probability of each judgment that it was none of the lapses, (judgments,)."""
        meant = (1 - self.lapse) * shares[:, 0]
        worth: Array = meant / (meant + self.lapse / self._data.real.sum(1))
        return worth

    def _posterior(self, theta: Array, shares: Array) -> float:
        """The logarithm of the posterior, but for a constant."""
        lapse = self.lapse
        likelihood = self._data.weights @ _log_likelihoods(shares, self._data.real, lapse)
        prior = -0.5 * self._precision @ (theta - self._mean) ** 2
        lapses = _LAPSE_COUNT * (_LAPSE * np.log(lapse) + (1 - _LAPSE) * np.log(1 - lapse))
        return float(likelihood + prior + lapses)

    def _curvature(self, shares: Array, means: Array, weights: Array, rows: npt.NDArray[Any] | None = None) -> Array:
        """The information of the judgments, were it known which lapsed, and of the prior.

        `rows` may be those of the data in single precision, which takes half the time and is precise enough for the
        direction of a step and for a covariance.
        """
        rows = self._data.rows if rows is None else rows
        roots = np.sqrt(weights[:, None] * shares).astype(rows.dtype)
        flat = (rows * roots[:, :, None]).reshape(-1, WIDTH)
        middle = means * np.sqrt(weights)[:, None]
        found: Array = flat.T @ flat - middle.T @ middle + np.diag(self._precision)
        return found

    def _information(
        self, shares: Array, worth: Array, means: Array, rows: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any]:
        """What is known of weights and constants: the curvature, less what is hidden by not knowing who lapsed."""
        known = self._curvature(shares, means, self._data.weights * worth, rows)
        hidden = means * np.sqrt(self._data.weights * worth * (1 - worth))[:, None]
        left = known - hidden.T @ hidden
        try:
            np.linalg.cholesky(left)
        except np.linalg.LinAlgError:  # where the posterior is not bent down in every direction
            return known
        return left

    def information(self) -> npt.NDArray[Any]:
        """The precision of weights and constants at the mode, (WIDTH, WIDTH)."""
        shares = self._shares(self.theta)
        return self._information(shares, self._worth(shares), _mean(shares, self._data.rows), self._single)

    def left_out(self, which: slice = slice(None)) -> Array:
        """The log-likelihood of judgments, each by a fit without it, from one Newton step (Rad and Maleki 2020)."""
        shares = self._shares(self.theta)
        weights = self._data.weights * self._worth(shares)
        means = _mean(shares, self._data.rows)
        inverse = np.linalg.inv(self._curvature(shares, means, weights, self._single))
        rows, real, shares, weights = self._data.rows[which], self._data.real[which], shares[which], weights[which]
        spread = rows @ inverse @ rows.transpose(0, 2, 1)  # of the utilities, (judgments, alternatives, alternatives)
        count = rows.shape[1]
        slopes = -shares.copy()
        slopes[:, 0] += 1
        bend = np.einsum("na,ab->nab", shares, np.eye(count)) - np.einsum("na,nb->nab", shares, shares)
        bend, slopes = bend * weights[:, None, None], slopes * weights[:, None]
        moved = np.linalg.solve(np.eye(count) - spread @ bend, (spread @ slopes[:, :, None]))[:, :, 0]
        utilities = np.where(real, rows @ self.theta - moved, -np.inf)
        found = np.exp(utilities - utilities.max(1, keepdims=True))
        return _log_likelihoods(found / found.sum(1, keepdims=True), real, self.lapse)


def _log_likelihoods(shares: Array, real: npt.NDArray[np.bool_], lapse: float) -> Array:
    """Of each judgment, by the probabilities of its alternatives without a lapse."""
    found: Array = np.log((1 - lapse) * shares[:, 0] + lapse / real.sum(1))
    return found


def _mean(shares: Array, rows: Array) -> Array:
    """The mean row of each judgment's alternatives, (judgments, WIDTH)."""
    means: Array = (shares[:, None] @ rows)[:, 0]
    return means
