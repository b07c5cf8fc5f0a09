"""On few texts an interval holds the truth as often as it says, and equal systems are seldom told apart."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from worker.measures.few_texts import bounded_mean, exact_share, t_quantile
from worker.measures.intervals import SHARE, Bounds, difference, estimate
from worker.measures.statistic import mean_of, ratio_of

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]

TRIALS = 300


def test_the_quantiles_are_those_of_student() -> None:
    """Those of any printed table."""
    found = [t_quantile(freedom) for freedom in (1, 2, 3, 4, 11, 30, 59)]

    assert found == pytest.approx([12.7062, 4.3027, 3.1824, 2.7764, 2.2010, 2.0423, 2.0010], abs=5e-5)


def test_shares_are_those_of_clopper_and_pearson() -> None:
    # With none or all of n, the far end is where n texts in a row come out so in one case of 40.
    assert exact_share(0, 12) == pytest.approx((0, 1 - 0.025 ** (1 / 12)))
    assert exact_share(12, 12) == pytest.approx((0.025 ** (1 / 12), 1))
    assert exact_share(1, 1) == pytest.approx((0.025, 1))
    # By scipy.stats.binomtest.
    assert exact_share(3, 12) == pytest.approx((0.05486064, 0.57185846))
    assert exact_share(31, 60) == pytest.approx((0.38394602, 0.64768707))


def test_the_interval_of_an_unbounded_mean_is_student_s() -> None:
    values = np.array([0.31, -0.2, 0.44, 0.1, 0.0, 0.7, -0.05, 0.2, 0.15, 0.33, 0.41, -0.1])
    found = estimate(mean_of(values))
    reach = 2.200985 * values.std(ddof=1) / np.sqrt(12)

    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach))


def test_a_bounded_mean_counts_half_a_text_at_either_bound() -> None:
    # 0.8, 0.9, 1.0, and half of a 0 and of a 1: mean 3.2 / 4, squares 0.01 + 0.04 + 0.32 + 0.02, spread 0.39 / 3.
    low, high = bounded_mean(np.array([[0.8, 1], [0.9, 1], [1.0, 1]]), 0, 1)

    assert low == pytest.approx(0.8 - 4.3026527297 * np.sqrt(0.39 / 3 / 4))
    assert high == 1


def near_the_top(random: np.random.Generator, texts: int) -> Array:
    """Values such as J: most rewrites score well, and 7 % are toxic and score nothing."""
    return np.asarray((random.random(texts) < 0.93) * random.beta(12, 2, texts))


FIGURES: dict[str, tuple[Draw, float, Bounds | None, float]] = {
    "share": (lambda random, n: np.asarray(random.random(n) < 0.85, dtype=np.float64), 0.85, SHARE, 0.95),
    "rare exceptions": (lambda random, n: np.asarray(random.random(n) < 0.98, dtype=np.float64), 0.98, SHARE, 0.95),
    "J": (near_the_top, 0.93 * 12 / 14, SHARE, 0.94),
    "bounded": (lambda random, n: random.beta(2, 2, n), 0.5, SHARE, 0.95),
    "nats": (lambda random, n: random.normal(0.4, 1.3, n), 0.4, None, 0.95),
    # What Student's t cannot mend: an unbounded figure of which a few texts make up much.
    "skewed": (lambda random, n: random.exponential(1, n), 1.0, None, 0.91),
}
"""How texts score, the true mean, the figure's bounds, and the coverage that is promised."""


@pytest.mark.parametrize("texts", [12, 20, 40, 60])
@pytest.mark.parametrize("figure", FIGURES)
def test_an_interval_holds_the_truth_as_often_as_it_says(figure: str, texts: int) -> None:
    draw, truth, bounds, promised = FIGURES[figure]
    random = np.random.default_rng(texts)
    found = [estimate(mean_of(draw(random, texts)), bounds) for _ in range(TRIALS)]

    held = np.mean([one.low <= truth <= one.high for one in found])

    assert held >= promised - 2 * np.sqrt(0.05 * 0.95 / TRIALS)


PAIRS: dict[str, Draw] = {
    # A fifth of the texts is told apart, one way as often as the other.
    "share": lambda random, n: random.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.8, 0.1]),
    "all differ": lambda random, n: random.choice([-1.0, 1.0], n),
    "J": lambda random, n: near_the_top(random, n) - near_the_top(random, n),
    "skewed": lambda random, n: random.lognormal(0, 1, n) - random.lognormal(0, 1, n),
}
"""Differences, text by text, of two systems that are equally good."""


@pytest.mark.parametrize("texts", [12, 20, 40, 60])
@pytest.mark.parametrize("figure", PAIRS)
def test_equal_systems_are_told_apart_in_at_most_one_case_of_twenty(figure: str, texts: int) -> None:
    random = np.random.default_rng(texts)
    nothing = mean_of(np.zeros(texts))
    found = [difference(mean_of(PAIRS[figure](random, texts)), nothing).differs for _ in range(TRIALS)]

    assert np.mean(found) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / TRIALS)


@pytest.mark.parametrize("texts", [12, 40])
def test_prompts_of_unequal_weight_are_held_as_well(texts: int) -> None:
    """Pairs of a prompt agree with each other; the figure is the share of all pairs."""
    random = np.random.default_rng(texts)
    held = []
    for _ in range(TRIALS):
        pairs = random.integers(1, 5, texts)
        right = random.binomial(pairs, random.beta(3, 2, texts))
        found = estimate(ratio_of(right, pairs), SHARE)
        held.append(found.low <= 0.6 <= found.high)

    assert np.mean(held) >= 0.93
