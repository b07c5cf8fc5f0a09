"""The mode of a head's posterior, found by Newton's method within expectation-maximisation over the lapse.

The optimisation runs in coordinates in which the prior is the standard normal distribution, and only in the space that
the judgments span: in every other direction the posterior is the prior. So a few judgments are fitted in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.reward.features import GROUPS, SIZE, Array
from models.reward.judgments import WIDTH, Choices

CONSTANT_MEAN, CONSTANT_WIDTH = -1.0, 2.0
"""Mean and standard deviation of the prior of the tie and of the threshold."""
LAPSE, LAPSE_COUNT = 0.08, 12.0
"""Mode of the lapse's Beta prior, and the number of judgments that it is worth."""
MOST_LAPSE = 0.8

_MOST_STEPS, _TOLERANCE = 100, 1e-9
_LAPSE_STEPS = 8
_CURVATURE_EVERY = 4  # the curvature is recomputed every so many steps: it changes little and takes longest


class Posterior:
    """Posterior of weights and constants, `theta` (WIDTH,) at its mode, and of the lapse, for prior widths by group.

    Rows are (judgments, alternatives, dimensions) of the coordinates described above, shares (judgments, alternatives).
    """

    def __init__(self, data: Choices, widths: Sequence[float]) -> None:
        """Find the mode."""
        self._real, self._weights = data.real, data.weights
        self._log_alternatives = np.log(data.real.sum(1))
        self._scale = np.full(WIDTH, CONSTANT_WIDTH)
        for group, width in zip(GROUPS, widths, strict=True):
            self._scale[group.start : group.stop] = width
        self._middle = np.full(WIDTH, CONSTANT_MEAN)
        self._middle[:SIZE] = 0.0
        self._offset = data.rows @ self._middle
        scaled = data.rows * self._scale
        self._basis = _basis(scaled)
        self._rows = scaled @ self._basis if self._basis.shape[1] < WIDTH else scaled  # else span all directions
        self._single = self._rows.astype(np.float32)
        self._position = np.zeros(self._basis.shape[1])
        self.lapse = LAPSE
        self._find_mode()

    @property
    def theta(self) -> Array:
        """Return the weights and the constants at the mode, (WIDTH,)."""
        found: Array = self._middle + self._scale * (self._basis @ self._position)
        return found

    def root(self) -> Array:
        """Return a root of the covariance of weights and constants, (WIDTH, WIDTH), root @ root.T.

        The covariance is that of Laplace's approximation, less the information that the unknown lapses hide (Louis
        1982).
        """
        shares = self._shares(self._position)
        known = self._information(shares, self._worth(shares), self._mean(shares))
        values, vectors = np.linalg.eigh(known)
        narrowed = vectors @ (vectors / np.sqrt(values)).T - np.eye(len(known))
        root: Array = self._scale[:, None] * (np.eye(WIDTH) + self._basis @ narrowed @ self._basis.T)
        return root

    def left_out(self, which: slice = slice(None)) -> Array:
        """Return how much better than guessing each judgment is predicted by a posterior without it, in nats."""
        real = self._real[which]
        utilities = np.where(real, self.left_out_utilities(which), -np.inf)
        better: Array = _log_likelihoods(_softmax(utilities), real, self.lapse) + self._log_alternatives[which]
        return better

    def left_out_utilities(self, which: slice = slice(None)) -> Array:
        """Return each judgment's utilities of its alternatives by a posterior without it, (judgments, alternatives).

        They are relative to the chosen one, which is the first. Approximated by one Newton step (Rad and Maleki 2020),
        with the lapse held fixed.
        """
        shares = self._shares(self._position)
        weights = self._weights * self._worth(shares)
        inverse = np.linalg.inv(self._curvature(shares, self._mean(shares), weights))
        rows, shares, weights = self._rows[which], shares[which], weights[which]
        spread = rows @ inverse @ rows.transpose(0, 2, 1)  # of the utilities, (judgments, alternatives, alternatives)
        count = rows.shape[1]
        slopes = -shares.copy()
        slopes[:, 0] += 1
        bend = np.einsum("na,ab->nab", shares, np.eye(count)) - np.einsum("na,nb->nab", shares, shares)
        bend, slopes = bend * weights[:, None, None], slopes * weights[:, None]
        moved = np.linalg.solve(np.eye(count) - spread @ bend, (spread @ slopes[:, :, None]))[:, :, 0]
        utilities: Array = self._offset[which] + rows @ self._position - moved
        return utilities

    def _find_mode(self) -> None:
        """Alternate between the best lapse and one Newton step, halved until the posterior increases."""
        shares, value = self._shares(self._position), -np.inf
        bent: npt.NDArray[Any] = np.empty(0)
        for number in range(_MOST_STEPS):
            worth = self._settle_lapse(shares)
            before = self._value(self._position, shares)
            if before - value < _TOLERANCE * (1 + abs(before)):
                return
            value = before
            means = self._mean(shares)
            if number < 2 or number % _CURVATURE_EVERY == 0:
                bent = np.linalg.inv(self._information(shares, worth, means))
            step, length = bent @ (-((self._weights * worth) @ means) - self._position), 1.0
            while True:
                place = self._position + length * step
                shares = self._shares(place)
                if self._value(place, shares) >= before or length < _TOLERANCE:
                    break
                length /= 2
            self._position = place

    def _settle_lapse(self, shares: Array) -> Array:
        """Fit the lapse by expectation-maximisation; returns each judgment's probability of being no lapse."""
        total = self._weights.sum()
        worth = self._worth(shares)
        for _ in range(_LAPSE_STEPS):
            lapsed = self._weights @ (1 - worth)
            self.lapse = min(MOST_LAPSE, float((LAPSE * LAPSE_COUNT + lapsed) / (LAPSE_COUNT + total)))
            worth = self._worth(shares)
        return worth

    def _shares(self, place: Array) -> Array:
        """Return the probability of each alternative without a lapse."""
        return _softmax(np.where(self._real, self._offset + self._rows @ place, -np.inf))

    def _worth(self, shares: Array) -> Array:
        """Return the probability that each judgment was no lapse, (judgments,)."""
        meant = (1 - self.lapse) * shares[:, 0]
        worth: Array = meant / (meant + self.lapse / self._real.sum(1))
        return worth

    def _mean(self, shares: Array) -> Array:
        """Return the mean row of each judgment's alternatives, (judgments, dimensions)."""
        means: Array = (shares[:, None] @ self._rows)[:, 0]
        return means

    def _value(self, place: Array, shares: Array) -> float:
        """Return the logarithm of the posterior, up to a constant."""
        likelihood = self._weights @ _log_likelihoods(shares, self._real, self.lapse)
        lapses = LAPSE_COUNT * (LAPSE * np.log(self.lapse) + (1 - LAPSE) * np.log(1 - self.lapse))
        return float(likelihood - 0.5 * place @ place + lapses)

    def _curvature(self, shares: Array, means: Array, weights: Array) -> npt.NDArray[Any]:
        """Return the information of the judgments, as if the lapses were known, and of the prior.

        In single precision, which takes half the time and is precise enough for a step and for a covariance.
        """
        roots = np.sqrt(weights[:, None] * shares).astype(np.float32)
        flat = (self._single * roots[:, :, None]).reshape(shares.size, self._single.shape[2])
        middle = (means * np.sqrt(weights)[:, None]).astype(np.float32)
        found: npt.NDArray[Any] = (flat.T @ flat - middle.T @ middle).astype(np.float64) + np.eye(flat.shape[1])
        return found

    def _information(self, shares: Array, worth: Array, means: Array) -> npt.NDArray[Any]:
        """Return the observed information: the curvature less what the unknown lapses hide (Louis 1982).

        Where that is not positive definite, it is the curvature alone.
        """
        known = self._curvature(shares, means, self._weights * worth)
        hidden = means * np.sqrt(self._weights * worth * (1 - worth))[:, None]
        left = known - hidden.T @ hidden
        try:
            np.linalg.cholesky(left)
        except np.linalg.LinAlgError:  # the posterior is not concave here
            return known
        return left


def _basis(rows: Array) -> Array:
    """Return orthonormal directions that span the rows, (WIDTH, dimensions); the first alternative of each is 0."""
    spanning = rows[:, 1:].reshape(-1, WIDTH)
    if len(spanning) >= WIDTH:
        return np.eye(WIDTH)
    basis, _ = np.linalg.qr(spanning.T)
    return np.asarray(basis, dtype=np.float64)


def _softmax(utilities: Array) -> Array:
    found = np.exp(utilities - utilities.max(1, keepdims=True))
    shares: Array = found / found.sum(1, keepdims=True)
    return shares


def _log_likelihoods(shares: Array, real: npt.NDArray[np.bool_], lapse: float) -> Array:
    """Return each judgment's log-likelihood, from the probabilities of its alternatives without a lapse."""
    found: Array = np.log((1 - lapse) * shares[:, 0] + lapse / real.sum(1))
    return found
